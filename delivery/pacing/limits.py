"""A mailbox's speed limits as one interval between messages.

With a burst of one, messages leave evenly: 600 a minute is one every 100 ms, so the tighter of the limits per second and per
minute decides and keeps the other.
"""

from typing import Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
# A message may come so much of its interval earlier than its slot (at most so many µs), to make up for the moment in which one
# turn ends and the next begins. As it is less than a whole interval, no window of any length ever holds one message more.
_TOLERATED: Final = 0.9
_MOST_TOLERANCE: Final = 200_000


def interval_of(*, per_second: int | None, per_minute: int | None) -> int:
    """Return the microseconds between two messages, rounded up; 0: there is no limit."""
    wanted = [-(-SECOND // per_second)] if per_second else []
    wanted += [-(-MINUTE // per_minute)] if per_minute else []
    return max(wanted, default=0)


def tolerance_of(interval: int) -> int:
    """Return by how many microseconds a message may be early."""
    return min(int(interval * _TOLERATED), _MOST_TOLERANCE)
