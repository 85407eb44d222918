"""What the stratum of a message says: which part of its test it belongs to.  What is counted is counted by it.

0 is no part: the mail of those who got no arm by lot (the rest, after the verdict) never counts.
"""

from datetime import timedelta
from typing import Final

NOT_COUNTED: Final = 0
# Smallint is the column; a test of parts of an hour each goes on for years.
LARGEST: Final = 32_767

_QUARTER: Final = timedelta(minutes=15)
# From UTC−12:00 to UTC+14:00 in quarters of an hour.
_OFFSETS: Final = 105
_WESTMOST: Final = -48


def of_part(number: int | None) -> int:
    """Return the stratum of a part of the test (counted from 0); None: a test without parts, in which people come one by one."""
    return min((number or 0) + 1, LARGEST)


def of_slot(offset: timedelta, day: int) -> int:
    """Return the stratum of a send-time test's recipient: the offset of their clock from UTC, and on which day (from 0) their slot is.

    Slots of one day are compared with each other, so `day` is that of the plan, the same for all arms, and not the day on which a slow
    mailbox got round to it.
    """
    quarter = min(max(offset // _QUARTER - _WESTMOST, 0), _OFFSETS - 1)
    return min(1 + quarter + _OFFSETS * max(day, 0), LARGEST)
