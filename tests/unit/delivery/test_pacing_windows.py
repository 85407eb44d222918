"""Windows, quiet hours and days, with changes of daylight saving time in five zones."""

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.pacing.days import moment_at, start_of
from delivery.pacing.windows import ALWAYS, EVERY_DAY, Hours, Window, next_open, open_spans

OFFICE = Window(frozenset(range(5)), Hours(time(9), time(17)))
NIGHT = Hours(time(21), time(8))
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca"]


def local(zone: str, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[arg-type, misc]


def test_inside_the_window_it_leaves_at_once() -> None:
    moment = local("Europe/Berlin", 2026, 3, 11, 10, 30)
    assert next_open(moment, ZoneInfo("Europe/Berlin"), window=OFFICE, quiet=None) == moment


def test_after_hours_it_waits_for_the_morning_and_over_the_weekend() -> None:
    zone = ZoneInfo("Europe/Berlin")
    evening = local("Europe/Berlin", 2026, 3, 11, 17)
    assert next_open(evening, zone, window=OFFICE, quiet=None) == local("Europe/Berlin", 2026, 3, 12, 9)
    friday = local("Europe/Berlin", 2026, 3, 13, 17, 1)
    assert next_open(friday, zone, window=OFFICE, quiet=None) == local("Europe/Berlin", 2026, 3, 16, 9)


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    fridays = Window(frozenset({4}), Hours(time(22), time(2)))
    at_night = local("Asia/Kolkata", 2026, 3, 14, 1)
    assert next_open(at_night, zone, window=fridays, quiet=None) == at_night
    too_late = local("Asia/Kolkata", 2026, 3, 14, 2)
    assert next_open(too_late, zone, window=fridays, quiet=None) == local("Asia/Kolkata", 2026, 3, 20, 22)


def test_quiet_hours_hold_until_they_end() -> None:
    zone = ZoneInfo("America/New_York")
    late = local("America/New_York", 2026, 3, 10, 23)
    assert next_open(late, zone, window=None, quiet=NIGHT) == local("America/New_York", 2026, 3, 11, 8)
    early = Window(EVERY_DAY, Hours(time(6), time(10)))
    assert next_open(late, zone, window=early, quiet=NIGHT) == local("America/New_York", 2026, 3, 11, 8)


def test_a_window_that_is_quiet_throughout_never_opens() -> None:
    nights = Window(EVERY_DAY, Hours(time(22), time(23)))
    assert next_open(datetime(2026, 3, 10, tzinfo=UTC), ZoneInfo("UTC"), window=nights, quiet=NIGHT) is None


@pytest.mark.parametrize(
    ("zone", "day", "wall", "expected"),
    [
        # 02:30 doesn't exist: the clocks jump from 02:00 to 03:00.
        ("Europe/Berlin", date(2026, 3, 29), time(2, 30), datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("America/New_York", date(2026, 3, 8), time(2, 30), datetime(2026, 3, 8, 7, tzinfo=UTC)),
        # Half an hour, from 02:00 to 02:30.
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        # Midnight itself is skipped: the day begins at 01:00.
        ("America/Santiago", date(2026, 9, 6), time(0), datetime(2026, 9, 6, 4, tzinfo=UTC)),
        # Twice 02:30: the first one counts.
        ("Europe/Berlin", date(2026, 10, 25), time(2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        # Morocco leaves its summer time for Ramadan.
        ("Africa/Casablanca", date(2026, 2, 15), time(9), datetime(2026, 2, 15, 9, tzinfo=UTC)),
        ("Africa/Casablanca", date(2026, 3, 22), time(9), datetime(2026, 3, 22, 8, tzinfo=UTC)),
    ],
)
def test_wall_times_around_a_change_of_the_clocks(zone: str, day: date, wall: time, expected: datetime) -> None:
    assert moment_at(day, wall, ZoneInfo(zone)) == expected


@pytest.mark.parametrize("zone", ZONES)
def test_over_a_year_each_working_day_opens_at_nine_by_the_wall(zone: str) -> None:
    place = ZoneInfo(zone)
    moment = local(zone, 2026, 1, 1, 0)
    opened = []
    while moment < local(zone, 2027, 1, 1, 0):
        found = next_open(moment, place, window=OFFICE, quiet=None)
        assert found is not None
        opened.append(found.astimezone(place))
        moment = moment_at(found.astimezone(place).date(), time(17), place)
    assert {(each.hour, each.minute) for each in opened} == {(9, 0)}
    assert sum(each.year == 2026 for each in opened) == sum(
        (date(2026, 1, 1) + timedelta(days=n)).weekday() < 5 for n in range(365)
    )


@given(
    zone=st.sampled_from(ZONES),
    moment=st.integers(0, 1095 * 86_400).map(
        lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    start=st.times(),
    end=st.times(),
    quiet=st.none() | st.tuples(st.times(), st.times()).filter(lambda pair: pair[0] != pair[1]),
)
def test_what_opens_is_allowed_and_is_the_first(zone, moment, weekdays, start, end, quiet) -> None:
    place = ZoneInfo(zone)
    window = Window(weekdays, Hours(start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)))
    hush = Hours(*(each.replace(second=0, microsecond=0) for each in quiet)) if quiet else None
    found = next_open(moment, place, window=window, quiet=hush)
    if found is None:
        return
    assert found >= moment
    assert next_open(found, place, window=window, quiet=hush) == found
    if found > moment:
        assert next_open(found - timedelta(seconds=1), place, window=window, quiet=hush) == found


@given(
    zone=st.sampled_from(ZONES),
    start_at=st.integers(0, 730 * 86_400).map(
        lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    after=st.timedeltas(timedelta(0), timedelta(days=2)),
    weekdays=st.none() | st.frozensets(st.integers(0, 6), min_size=1),
    hours=st.tuples(st.times(), st.times()),
    quiet=st.none() | st.tuples(st.times(), st.times()),
)
def test_the_open_spans_hold_just_what_may_leave_at_once(zone, start_at, after, weekdays, hours, quiet) -> None:
    window = None if weekdays is None else Window(weekdays, Hours(*hours))
    nights = None if quiet is None else Hours(*quiet)
    spans = open_spans(start_at, start_at + timedelta(days=2), ZoneInfo(zone), window=window, quiet=nights)
    moment = start_at + min(after, timedelta(days=2) - timedelta(microseconds=1))
    is_open = any(opens <= moment < closes for opens, closes in spans)
    assert is_open == (next_open(moment, ZoneInfo(zone), window=window, quiet=nights) == moment)
    assert all(closes < opens for (_, closes), (opens, _) in itertools.pairwise(spans))


@pytest.mark.parametrize("zone", ZONES)
def test_days_follow_one_another_without_a_gap(zone: str) -> None:
    place = ZoneInfo(zone)
    starts = [start_of(date(2026, 1, 1) + timedelta(days=n), place) for n in range(400)]
    lengths = {later - earlier for earlier, later in itertools.pairwise(starts)}
    assert lengths <= {timedelta(hours=hours) for hours in (23, 23.5, 24, 24.5, 25)}
    assert len(lengths) > 1


def test_without_rules_nothing_waits_and_always_is_always() -> None:
    moment = datetime(2026, 3, 10, 3, tzinfo=UTC)
    assert next_open(moment, ZoneInfo("UTC"), window=None, quiet=None) == moment
    assert next_open(moment, ZoneInfo("UTC"), window=ALWAYS, quiet=None) == moment


def test_the_stored_form_comes_back_as_the_same_window() -> None:
    assert Window.of(OFFICE.stored) == OFFICE
    assert Window.of({}) is None
