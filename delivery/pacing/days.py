"""Days as a mailbox's own clock counts them."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=1024)
def zone_of(*names: str) -> ZoneInfo:
    """Return the zone of the first name that is one; UTC if none is."""
    for name in names:
        if name:
            try:
                return ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                continue
    return ZoneInfo("UTC")


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """Return the date that a clock in the zone shows."""
    return moment.astimezone(zone).date()


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a local day, in UTC.

    Where the clocks jump over midnight the day starts at the jump; where midnight comes twice, at the first.
    """
    return moment_at(day, time(0), zone)


def moment_at(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the first moment, in UTC, at which a clock in the zone shows this wall time or, if it skips it, a later one.

    A wall time in a gap (PEP 495) maps by the offset before the gap to a moment after it: the jump itself is the answer.
    """
    local = datetime.combine(day, wall, tzinfo=zone)
    found = local.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return found
    return _jump_between(found - timedelta(hours=25), found, zone)


def _jump_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return when the offset changes to that of `after`: to the second, by halving."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
