"""A mailbox's limits and warm-up: checked, and applied to what waits."""

from zoneinfo import available_timezones

from redis.exceptions import RedisError

from core import clock
from delivery.models import Mailbox
from delivery.pacing import line
from delivery.pacing.buckets import Bucket

LIMITS = frozenset(
    {"per_second", "per_minute", "per_day", "time_zone", "ramp_start", "ramp_growth", "ramp_unit", "ramp_target"}
)
MOST_PER_SECOND = 10_000
MOST_PER_MINUTE = 600_000
MOST_PER_DAY = 100_000_000
MOST_PERCENT = 1000
_MOST = {"per_second": MOST_PER_SECOND, "per_minute": MOST_PER_MINUTE, "per_day": MOST_PER_DAY}


def refusals(mailbox: Mailbox) -> dict[str, list[str]]:
    """Return what can't be used among the mailbox's limits, by field."""
    errors: dict[str, list[str]] = {}
    for name, most in _MOST.items():
        value = getattr(mailbox, name)
        if value is not None and not 1 <= value <= most:
            errors[name] = [f"Give a number from 1 to {most:,}, or nothing: no limit."]
    if mailbox.time_zone and mailbox.time_zone not in available_timezones():
        errors["time_zone"] = ["This is not a time zone."]
    if mailbox.ramp_start is not None:
        errors |= _refusals_of_ramp(mailbox)
    return errors


def _refusals_of_ramp(mailbox: Mailbox) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    start = mailbox.ramp_start or 0
    if not 1 <= start <= MOST_PER_DAY:
        errors["ramp_start"] = ["A warm-up starts with one message a day at least."]
    most = MOST_PERCENT if mailbox.ramp_unit == Mailbox.RampUnit.PERCENT else MOST_PER_DAY
    if not 1 <= mailbox.ramp_growth <= most:
        errors["ramp_growth"] = [f"Give a number from 1 to {most:,}."]
    if not start <= mailbox.ramp_target <= MOST_PER_DAY:
        errors["ramp_target"] = ["The warm-up ends with as many messages as it starts with, or more."]
    return errors


def note_warm_up(mailbox: Mailbox, *, before: int | None) -> None:
    """Keep when the warm-up was switched on; `before` is what its start was. One that goes on keeps its step."""
    if mailbox.ramp_start is None:
        mailbox.ramp_since = None
    elif before is None or mailbox.ramp_since is None:
        mailbox.ramp_since = clock.now()


def apply_limits(mailbox_id: int) -> None:
    """Let what waits for the mailbox's limits ask again: they have changed."""
    line.release(mailbox_id, now=clock.now())
    try:
        Bucket(str(mailbox_id)).forget()
    except RedisError:
        # A bucket that stays holds at most one slot of the old interval.
        return
