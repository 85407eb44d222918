from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from analytics.series import by_day, over_time
from delivery.selectors import Totals

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 1, tzinfo=UTC)


def hours(*offsets: int, accepted: int = 1) -> list[tuple[datetime, Totals]]:
    return [(START + timedelta(hours=offset), Totals(accepted=accepted)) for offset in sorted(offsets)]


def test_no_counters_no_points():
    assert over_time([], zone=BERLIN) == ("hour", [])


def test_a_week_is_shown_by_the_hour_and_more_by_the_day():
    assert over_time(hours(0, 7 * 24), zone=BERLIN)[0] == "hour"
    assert over_time(hours(0, 7 * 24 + 1), zone=BERLIN)[0] == "day"


def test_an_hour_without_anything_is_a_zero_not_a_gap():
    _, points = over_time(hours(0, 3), zone=BERLIN)
    assert [point.accepted for point in points] == [1, 0, 0, 1]


def test_a_day_is_the_readers_day():
    late = [(datetime(2026, 3, 1, 23, tzinfo=UTC), Totals(accepted=5))]
    points = by_day(late, zone=BERLIN, first=date(2026, 3, 1), last=date(2026, 3, 2))
    assert [point.accepted for point in points] == [0, 5]


def test_the_hour_that_a_dst_change_repeats_is_there_twice():
    autumn = datetime(2026, 10, 25, tzinfo=UTC)
    counted = [(autumn + timedelta(hours=n), Totals(accepted=1)) for n in range(4)]
    _, points = over_time(counted, zone=BERLIN)
    assert [point.at.hour for point in points] == [2, 2, 3, 4]
    assert sum(point.accepted for point in points) == 4


@given(
    st.lists(st.integers(0, 24 * 400), min_size=1, unique=True),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
)
def test_nothing_that_was_counted_is_lost_in_a_chart(offsets, zone):
    _, points = over_time(hours(*offsets, accepted=3), zone=ZoneInfo(zone))
    assert sum(point.accepted for point in points) == 3 * len(offsets)
    moments = [point.at.astimezone(UTC) for point in points]
    assert moments == sorted(set(moments))
