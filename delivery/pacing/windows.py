"""Send windows and quiet hours: when mail may leave, by the clock on the recipient's wall.

Pure. Hours are wall times of a zone, days are its calendar days; daylight saving is zoneinfo's business: an opening lasts from
the first moment that shows its start to the first that shows its end, so on the day of a change it is an hour longer or
shorter, as it is for the person who reads the mail.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.exceptions import InvalidInput
from delivery.pacing.days import local_day, moment_at

EVERY_DAY: Final = frozenset(range(7))
_DAYS_AHEAD: Final = 15
_DAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Hours:
    """From `start` to `end`, which lies on the next day if it isn't later; equal ones mean a whole day."""

    start: time
    end: time

    def on(self, day: Any, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return the first moment within and the first after the hours that begin on this day, in UTC."""
        last = day if self.end > self.start else day + timedelta(days=1)
        return moment_at(day, self.start, zone), moment_at(last, self.end, zone)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours on some weekdays (0 is Monday); hours over midnight belong to the day on which they begin."""

    weekdays: frozenset[int]
    hours: Hours

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Window | None":
        """Return the window of its stored form {"weekdays": [0, …], "start": "09:00", "end": "17:00"}; None if that is empty."""
        if not stored:
            return None
        hours = Hours(time.fromisoformat(stored["start"]), time.fromisoformat(stored["end"]))
        return cls(frozenset(stored["weekdays"]), hours)

    @property
    def stored(self) -> dict[str, Any]:
        """The form in which it is kept as JSON."""
        return {
            "weekdays": sorted(self.weekdays),
            "start": f"{self.hours.start:%H:%M}",
            "end": f"{self.hours.end:%H:%M}",
        }


def checked_window(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the stored form of a window as people and programs give it; {} or None: at any time.

    Raises InvalidInput with the field `window`.
    """
    if not given:
        return {}
    try:
        weekdays = frozenset(int(day) for day in given["weekdays"])
        hours = Hours(*(time.fromisoformat(str(given[name])).replace(tzinfo=None) for name in ("start", "end")))
    except (KeyError, TypeError, ValueError) as error:
        raise _refused("Give weekdays from 0 (Monday) to 6, and start and end as 09:00.") from error
    if not weekdays:
        raise _refused("Choose a weekday at least.")
    if not weekdays <= EVERY_DAY:
        raise _refused("Weekdays are numbers from 0 (Monday) to 6.")
    return Window(weekdays, hours).stored


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, fields={"window": [message]})


def window_words(stored: Mapping[str, Any]) -> str:
    """Return a stored window in words, like “Mon, Tue, 09:00–17:00”; "" for none."""
    if not stored:
        return ""
    days = sorted(stored["weekdays"])
    runs = {tuple(range(7)): "every day", tuple(range(5)): "Monday to Friday"}
    names = runs.get(tuple(days)) or ", ".join(_DAY_NAMES[day] for day in days)
    return f"{names}, {stored['start']}–{stored['end']}"


ALWAYS: Final = Window(EVERY_DAY, Hours(time(0), time(0)))


def next_open(moment: datetime, zone: ZoneInfo, *, window: Window | None, quiet: Hours | None) -> datetime | None:
    """Return the first moment from `moment` on that is within the window and not quiet, in UTC.

    None: there is none within a fortnight, as the quiet hours cover the window.
    """
    if window is None and quiet is None:
        return moment
    for opens, closes in _openings(moment, zone, window or ALWAYS):
        found = max(moment, opens)
        while found < closes:
            ends = _quiet_until(found, zone, quiet)
            if ends is None:
                return found
            found = ends
    return None


def open_spans(
    start: datetime, end: datetime, zone: ZoneInfo, *, window: Window | None, quiet: Hours | None
) -> list[tuple[datetime, datetime]]:
    """Return the times from `start` to `end` (at most a fortnight) that are within the window and not quiet, in order."""
    spans = [(start, end)]
    if window is not None:
        opened = _openings(start, zone, window)
        spans = [(max(opens, start), min(closes, end)) for opens, closes in opened if opens < end]
    if quiet is not None:
        first, last = local_day(start, zone) - timedelta(days=1), local_day(end, zone)
        for offset in range((last - first).days + 1):
            begins, ends = quiet.on(first + timedelta(days=offset), zone)
            spans = [
                (low, high)
                for opens, closes in spans
                for low, high in ((opens, min(closes, begins)), (max(opens, ends), closes))
                if low < high
            ]
    return _joined(spans)


def _joined(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Put spans together that touch or overlap."""
    joined: list[tuple[datetime, datetime]] = []
    for low, high in sorted(spans):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def _openings(moment: datetime, zone: ZoneInfo, window: Window) -> Iterator[tuple[datetime, datetime]]:
    # Hours over midnight that began yesterday may still last.
    first = local_day(moment, zone) - timedelta(days=1)
    for offset in range(_DAYS_AHEAD + 1):
        day = first + timedelta(days=offset)
        if day.weekday() in window.weekdays:
            opens, closes = window.hours.on(day, zone)
            if closes > moment and closes > opens:
                yield opens, closes


def _quiet_until(moment: datetime, zone: ZoneInfo, quiet: Hours | None) -> datetime | None:
    if quiet is None:
        return None
    today = local_day(moment, zone)
    for day in (today - timedelta(days=1), today):
        begins, ends = quiet.on(day, zone)
        if begins <= moment < ends:
            return ends
    return None
