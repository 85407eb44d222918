"""Waits against a clock that is looked at minute by minute; splits against their shares."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequences.kinds.splits import Split
from sequences.kinds.waits import CalendarPause, UntilDate, UntilWeekday

MINUTE = timedelta(minutes=1)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + minutes * MINUTE)
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
BERLIN = ZoneInfo("Europe/Berlin")


@settings(max_examples=40)
@given(moments, zones, st.sets(st.integers(0, 6), min_size=1), times)
@example(datetime(2026, 3, 29, 0, 0, tzinfo=UTC), BERLIN, {6}, time(2, 30))  # left out by the clock change
@example(datetime(2026, 10, 24, 23, 0, tzinfo=UTC), BERLIN, {6}, time(2, 30))  # comes twice
def test_a_wait_until_a_weekday_ends_when_the_contacts_clock_says_so(entered, zone, days, at):
    over = UntilWeekday(tuple(sorted(days)), at).over_at(entered, zone)
    moment = entered
    while True:
        local = moment.astimezone(zone)
        shown = (local.weekday(), local.time().replace(fold=0))
        if shown[0] in days and shown[1] == at and not local.fold:
            break
        # A time that is left out is the same number of minutes behind the jump of the clock.
        before = (moment - timedelta(hours=3)).astimezone(zone)
        jumped = local.utcoffset() - before.utcoffset()
        wall = (local.replace(tzinfo=None) - jumped) if jumped > timedelta(0) else None
        if wall and wall.weekday() in days and wall.time() == at and not _exists(wall, zone):
            break
        moment += MINUTE
    assert over == moment


def _exists(wall, zone):
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall


@given(moments, zones, st.integers(1, 400))
def test_calendar_days_keep_the_time_on_the_wall(entered, zone, days):
    before = entered.astimezone(zone)
    after = CalendarPause(timedelta(days=days)).over_at(entered, zone).astimezone(zone)
    wall = before.replace(tzinfo=None, fold=0) + timedelta(days=days)
    assert after.replace(tzinfo=None, fold=0) == wall or not _exists(wall, zone)
    assert abs((after - before) - timedelta(days=days)) <= timedelta(hours=2)


def test_a_clock_change_makes_a_calendar_day_of_23_hours():
    entered = datetime(2026, 3, 28, 11, tzinfo=UTC)
    assert CalendarPause(timedelta(days=1)).over_at(entered, BERLIN) - entered == timedelta(hours=23)


@given(moments, zones, st.dates(date(1950, 1, 1), date(2026, 12, 31)), st.integers(-365, 365), times)
def test_an_anniversary_is_never_past_and_at_most_about_two_years_ahead(entered, zone, day, offset, at):
    over = UntilDate("born", offset, at, yearly=True).over_at(entered, zone, day.isoformat())
    assert entered <= over <= entered + timedelta(days=368)
    local = over.astimezone(zone).date() - timedelta(days=offset)
    assert (local.month, local.day) in {(day.month, day.day), (2, 28)}


def test_what_is_no_date_is_not_waited_for():
    entered = datetime(2026, 3, 28, 11, tzinfo=UTC)
    for value in (None, "", "soon", 7):
        assert UntilDate("born", 0, time(9), yearly=False).over_at(entered, BERLIN, value) == entered


@given(st.integers(1, 2**62), st.text(max_size=20))
def test_a_bucket_is_in_range_and_has_a_lane(contact_id, split_key):
    split = Split(split_key, (("a", 1), ("b", 98), ("c", 1)))
    bucket = split.bucket(contact_id)
    assert 0 <= bucket < 10_000
    assert split.lane(bucket) == ("a" if bucket < 100 else "b" if bucket < 9_900 else "c")
