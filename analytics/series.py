"""Counters over time, in the reader's hours and days, without gaps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from delivery.selectors import Totals

HOURLY_UP_TO = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Point:
    """One hour or day: messages accepted, human opens and clicks, unsubscribes, failures (failed and bounced)."""

    at: datetime
    accepted: int = 0
    opens: int = 0
    clicks: int = 0
    unsubscribed: int = 0
    failures: int = 0

    def plus(self, totals: Totals) -> "Point":
        return Point(
            at=self.at,
            accepted=self.accepted + totals.accepted,
            opens=self.opens + totals.opens_human,
            clicks=self.clicks + totals.clicks_human,
            unsubscribed=self.unsubscribed + totals.unsubscribed,
            failures=self.failures + totals.failed + totals.bounced,
        )


def over_time(hours: Sequence[tuple[datetime, Totals]], *, zone: tzinfo) -> tuple[str, list[Point]]:
    """Return ("hour" or "day", points): hours while all fits into a week, days of `zone` after that."""
    if not hours:
        return "hour", []
    first, last = hours[0][0].astimezone(zone), hours[-1][0].astimezone(zone)
    if last - first > HOURLY_UP_TO:
        return "day", by_day(hours, zone=zone, first=first.date(), last=last.date())
    return "hour", _fill(_hours_between(hours[0][0], hours[-1][0], zone), hours, lambda at: at)


def by_day(hours: Iterable[tuple[datetime, Totals]], *, zone: tzinfo, first: date, last: date) -> list[Point]:
    """Return a point for each day of `zone` from `first` to `last`."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    starts = (datetime.combine(day, time(), tzinfo=zone) for day in days)
    return _fill(starts, hours, lambda at: datetime.combine(at.astimezone(zone).date(), time(), tzinfo=zone))


def _hours_between(first: datetime, last: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Yield hours by elapsed time, so that a DST change neither drops nor repeats one."""
    while first <= last:
        yield first.astimezone(zone)
        first += timedelta(hours=1)


def _fill(
    starts: Iterable[datetime], hours: Iterable[tuple[datetime, Totals]], start_of: Callable[[datetime], datetime]
) -> list[Point]:
    # Keyed in UTC: in one zone, the two hours of a DST change compare equal.
    points = {start.astimezone(UTC): Point(at=start) for start in starts}
    for hour, totals in hours:
        start = start_of(hour).astimezone(UTC)
        if start in points:
            points[start] = points[start].plus(totals)
    return list(points.values())
