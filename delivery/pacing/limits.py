"""A mailbox's speed limits as one interval between messages.

With a burst of one, messages leave evenly: 600 a minute is one every 100 ms, so the tighter of the limits per second and per
minute decides and keeps the other.
"""

from typing import Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
# The longest that one message may come earlier than its slot, to make up for a turn that ended between two slots. With at
# most half an interval no window of any length ever holds one message more than without it.
MOST_TOLERANCE: Final = 50_000


def interval_of(*, per_second: int | None, per_minute: int | None) -> int:
    """Return the microseconds between two messages, rounded up; 0: there is no limit."""
    wanted = [-(-SECOND // per_second)] if per_second else []
    wanted += [-(-MINUTE // per_minute)] if per_minute else []
    return max(wanted, default=0)


def tolerance_of(interval: int) -> int:
    """Return by how many microseconds a message may be early."""
    return min(interval // 2, MOST_TOLERANCE)
