"""When the last of what waits will have left, if all goes on as it is."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from delivery.pacing.days import start_of
from delivery.pacing.history import Today
from delivery.pacing.ramps import Ramp

# Beyond this a date would only pretend to be known.
_MOST_DAYS = 366

type Span = tuple[datetime, datetime]
# The times from one moment to another (a day apart at most) at which mail may leave, in order.
type Spans = Callable[[datetime, datetime], Sequence[Span]]


def _always(start: datetime, end: datetime) -> Sequence[Span]:
    return [(start, end)]


def clears_at(
    waiting: int,
    *,
    now: datetime,
    per_minute: float,
    today: Today,
    per_day: int | None,
    ramp: Ramp | None,
    zone: ZoneInfo,
    spans: Spans = _always,
) -> datetime | None:
    """Return when `waiting` messages will have left a mailbox at this speed under its limit a day and its warm-up.

    `zone` is that of the mailbox's days; `spans` are the hours in which mail may leave. Retries and bad days of a warm-up are
    not foreseen. None: not within a year, or nothing moves.
    """
    if waiting <= 0:
        return now
    if per_minute <= 0:
        return None
    start, left, step = now, today.left, today.step
    day, ends_at = today.day, today.ends_at
    for _ in range(_MOST_DAYS):
        opened = spans(start, ends_at)
        room = sum((closes - opens).total_seconds() for opens, closes in opened) * per_minute / 60
        sends = room if left is None else min(room, left)
        if waiting <= sends:
            return _after(opened, timedelta(minutes=waiting / per_minute))
        waiting -= int(sends)
        day += timedelta(days=1)
        start, ends_at = ends_at, start_of(day + timedelta(days=1), zone)
        # A day on which nothing left does not count for the warm-up, so it is no further tomorrow.
        if ramp is not None and step is not None and (today.sent or sends >= 1):
            step = min(step + 1, ramp.last_step)
        caps = [cap for cap in (per_day, ramp.cap(step) if ramp and step is not None else None) if cap is not None]
        left = min(caps, default=None)
    return None


def _after(spans: Sequence[Span], duration: timedelta) -> datetime:
    """Return the moment at which so much of the spans is over."""
    for opens, closes in spans:
        if duration <= closes - opens:
            return opens + duration
        duration -= closes - opens
    return spans[-1][1]
