"""When a mailbox's backlog will have left, against a count of every minute."""

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from delivery.pacing.days import start_of
from delivery.pacing.forecast import clears_at
from delivery.pacing.history import Today
from delivery.pacing.ramps import GrowthUnit, Ramp
from delivery.pacing.windows import Hours, Window, open_spans

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 24, 11, tzinfo=UTC)


def today(*, cap: int | None = None, sent: int = 0, step: int | None = None, ramp_cap: int | None = None) -> Today:
    day = date(2026, 11, 24)
    return Today(
        day=day,
        ends_at=start_of(day + timedelta(days=1), BERLIN),
        cap=cap,
        step=step,
        sent=sent,
        last_sent_at=None,
        ramp_cap=ramp_cap,
    )


PACE: dict[str, Any] = {"now": NOON, "per_minute": 60, "today": today(), "per_day": None, "ramp": None, "zone": BERLIN}


def forecast(
    waiting: int,
    *,
    per_minute: float = 60,
    day: Today | None = None,
    per_day: int | None = None,
    ramp: Ramp | None = None,
) -> datetime | None:
    return clears_at(
        waiting, now=NOON, per_minute=per_minute, today=day or today(), per_day=per_day, ramp=ramp, zone=BERLIN
    )


def test_without_a_cap_it_is_the_speed_alone() -> None:
    assert forecast(600) == NOON + timedelta(minutes=10)


def test_nothing_waiting_is_done_already() -> None:
    assert forecast(0, per_minute=0) == NOON


def test_what_does_not_move_has_no_end() -> None:
    assert forecast(5, per_minute=0) is None


def test_a_full_day_goes_on_at_the_next_midnight() -> None:
    midnight = datetime(2026, 11, 24, 23, tzinfo=UTC)
    assert forecast(30, day=today(cap=100, sent=100), per_day=100) == midnight + timedelta(minutes=0.5)


def test_a_warm_up_grows_from_day_to_day() -> None:
    ramp = Ramp(10, 10, GrowthUnit.MESSAGES, 1000)
    # 10 today, 20, 30 and 40 on the days after: the 100th leaves on the fourth day.
    end = forecast(100, day=today(cap=10, step=0, ramp_cap=10), ramp=ramp)
    assert end is not None
    assert end.astimezone(BERLIN).date() == date(2026, 11, 27)


def test_more_than_a_year_is_not_told() -> None:
    assert forecast(1_000_000, day=today(cap=100), per_day=100) is None


@given(
    waiting=st.integers(1, 3000),
    per_minute=st.integers(1, 60),
    per_day=st.integers(50, 1000),
    sent=st.integers(0, 1000),
)
def test_it_agrees_with_counting_every_minute(waiting: int, per_minute: int, per_day: int, sent: int) -> None:
    end = forecast(waiting, per_minute=per_minute, day=today(cap=per_day, sent=sent), per_day=per_day)
    moment, left, gone = NOON, max(per_day - sent, 0), 0
    while gone < waiting:
        if moment > NOON and moment.astimezone(BERLIN).time().isoformat() == "00:00:00":
            left = per_day
        step = min(per_minute, left, waiting - gone)
        gone, left, moment = gone + step, left - step, moment + timedelta(minutes=1)
    assert end is not None
    assert abs(end - moment) <= timedelta(minutes=1)


def test_outside_of_the_sending_hours_nothing_leaves() -> None:
    window = Window.of({"weekdays": [1, 2], "start": "09:00", "end": "13:00"})
    spans = partial(open_spans, zone=BERLIN, window=window, quiet=None)
    # It is Tuesday noon: one hour today, four tomorrow, then Tuesday next week.
    ends = [clears_at(count, **PACE, spans=spans) for count in (60 * 60, 60 * 60 * 5, 60 * 60 * 5 + 60)]
    assert [end.astimezone(BERLIN).isoformat()[:16] for end in ends if end] == [
        "2026-11-24T13:00",
        "2026-11-25T13:00",
        "2026-12-01T09:01",
    ]


def test_hours_that_never_open_have_no_end() -> None:
    window = Window.of({"weekdays": [0], "start": "22:00", "end": "23:00"})
    quiet = Hours(time(21), time(7))
    assert clears_at(1, **PACE, spans=partial(open_spans, zone=BERLIN, window=window, quiet=quiet)) is None
