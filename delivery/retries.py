"""When a message that was put off is tried again: after growing pauses, for two days."""

from datetime import datetime, timedelta
from typing import Final

from delivery.replies import Kind

GIVE_UP_AFTER: Final = timedelta(hours=48)
# A connection that broke says nothing about the recipient: the first retry comes soon.
INTERRUPTED: Final = "interrupted"

_FIRST_MINUTES: Final[dict[str, tuple[int, ...]]] = {
    Kind.GREYLIST: (5, 15, 60),
    Kind.SOFT: (15, 30, 60),
    Kind.THROTTLE: (5, 10, 20, 40),
    INTERRUPTED: (1, 5, 15, 60),
}

# Pauses after the mailbox's server could not be used at all, in seconds; the last is repeated.
_SERVER_PAUSES: Final = (15, 30, 60, 120, 300, 600, 900)
# A mailbox whose server could not be used for so long is paused with a reason.
SERVER_GIVE_UP_AFTER: Final = timedelta(hours=24)


def _pauses(first: tuple[int, ...]) -> tuple[timedelta, ...]:
    """Return the first pauses, then twice the last each time; the last one ends at 48 hours."""
    pauses = [timedelta(minutes=minutes) for minutes in first]
    while (total := sum(pauses, timedelta())) < GIVE_UP_AFTER:
        pauses.append(min(pauses[-1] * 2, GIVE_UP_AFTER - total))
    return tuple(pauses)


PAUSES: Final = {kind: _pauses(first) for kind, first in _FIRST_MINUTES.items()}


def retry_at(kind: str, *, attempts: int, now: datetime) -> datetime | None:
    """Return when to try again after `attempts` tries (at least one), or None: it has been long enough."""
    pauses = PAUSES[kind]
    return now + pauses[attempts - 1] if attempts <= len(pauses) else None


def server_retry_at(*, failures: int, now: datetime) -> datetime:
    """Return when to connect again after `failures` (at least one) in a row."""
    seconds = _SERVER_PAUSES[min(failures, len(_SERVER_PAUSES)) - 1]
    return now + timedelta(seconds=seconds)
