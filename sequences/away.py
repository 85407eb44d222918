"""When somebody who is away may be written to again."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sequences.kinds.waits import DAY, on_the_wall

WITHOUT_DATE = 14 * DAY
# What lies further ahead is no return from a holiday but a misread date.
FURTHEST = 180 * DAY
SATURDAY = 5
MORNING = time(9)


def back_at(received_at: datetime, returns_on: date | None, zone: ZoneInfo) -> datetime:
    """Return nine o'clock on the business day after the return, by the contact's clock; without a date, 14 days later.

    A date that is past, or more than half a year ahead, counts as none.
    """
    today = received_at.astimezone(zone).date()
    if returns_on is None or not today <= returns_on <= today + FURTHEST:
        return received_at + WITHOUT_DATE
    day = returns_on + timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    return on_the_wall(day, MORNING, zone)
