"""Waits: how long a contact stands there, as pure functions of when it came and of its own clock and calendar."""

from calendar import isleap
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sequences.kinds.reading import Reader

DAY = timedelta(days=1)
NINE = time(9)
WEEK = 7
FURTHEST = 365


@dataclass(frozen=True, slots=True)
class Pause:
    """A duration of 24-hour days: the same for everybody."""

    duration: timedelta


@dataclass(frozen=True, slots=True)
class CalendarPause:
    """So many days later at the same time on the contact's wall, whatever a clock change does to their length."""

    duration: timedelta

    def over_at(self, entered_at: datetime, zone: ZoneInfo) -> datetime:
        """Return when it is over for someone who came at `entered_at`.

        A time that the clock change leaves out counts from before the change, one that comes twice is the first.
        """
        days = timedelta(days=self.duration.days)
        if not days:
            return entered_at + self.duration
        local = entered_at.astimezone(zone)
        return on_the_wall(local.date() + days, local.time().replace(fold=0), zone) + (self.duration - days)


@dataclass(frozen=True, slots=True)
class UntilWeekday:
    """Until one of the weekdays (0 is Monday) at a time on the contact's wall; someone who comes right then goes on."""

    weekdays: tuple[int, ...]
    at: time

    def over_at(self, entered_at: datetime, zone: ZoneInfo) -> datetime:
        """Return when it is over for someone who came at `entered_at`."""
        today = entered_at.astimezone(zone).date()
        for ahead in range(WEEK + 1):
            day = today + ahead * DAY
            moment = on_the_wall(day, self.at, zone)
            if day.weekday() in self.weekdays and moment >= entered_at:
                return moment
        raise AssertionError("Every weekday comes within eight days.")


@dataclass(frozen=True, slots=True)
class UntilDate:
    """Until so many days before (below 0) or after a date of the contact; `yearly`: its next anniversary.

    Someone without such a date, or whose date is past, goes on at once.
    """

    field: str
    offset_days: int
    at: time
    yearly: bool

    def over_at(self, entered_at: datetime, zone: ZoneInfo, value: object) -> datetime:
        """Return when it is over for someone who came at `entered_at`, with the field's value "YYYY-MM-DD"."""
        try:
            day = date.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            day = None
        if day is None:
            return entered_at
        if not self.yearly:
            return max(entered_at, on_the_wall(day + self.offset_days * DAY, self.at, zone))
        year = entered_at.astimezone(zone).year
        moments = [self._anniversary(day, year + ahead, zone) for ahead in (-1, 0, 1, 2)]
        return next(moment for moment in moments if moment >= entered_at)

    def _anniversary(self, day: date, year: int, zone: ZoneInfo) -> datetime:
        leapless = day.month == 2 and day.day == 29 and not isleap(year)
        return on_the_wall(
            day.replace(year=year, day=28 if leapless else day.day) + self.offset_days * DAY, self.at, zone
        )


FixedWait = Pause | CalendarPause
Wait = Pause | CalendarPause | UntilWeekday | UntilDate


def on_the_wall(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the moment in UTC: a time that comes twice is the first, one that is left out an hour later on the wall."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def day_of_slot(since: datetime, at: time, zone: ZoneInfo) -> date:
    """Return the first day on whose wall the time `at` has not passed at the moment `since`."""
    today = since.astimezone(zone).date()
    return today if on_the_wall(today, at, zone) >= since else today + DAY


def read_wait(reader: Reader) -> Wait | None:
    """Read `wait` (and `calendar`), or `until` with `weekdays` or with a `field`."""
    if not reader.has("until"):
        reader.raw("until")
        duration = reader.duration("wait", "How long?")
        calendar = reader.flag("calendar")
        if duration is None:
            return None
        return CalendarPause(duration) if calendar else Pause(duration)
    if reader.has("wait"):
        return reader.wrong("until", "A wait has either a duration or an end, not both.", None)
    reader.raw("wait")
    reader.raw("calendar")
    part = reader.part("until")
    if part is None:
        return None
    until = _read_date(part) if part.has("field") else _read_weekdays(part)
    reader.finish_part("until", part)
    return until


def _read_weekdays(part: Reader) -> UntilWeekday | None:
    days = part.raw("weekdays")
    at = part.clock("time", default=NINE)
    if days is None or days == []:
        part.missing["weekdays"] = "Until which day?"
        return None
    if not isinstance(days, list) or any(isinstance(day, bool) or day not in range(WEEK) for day in days):
        return part.wrong("weekdays", "This must be a list of days from 0 (Monday) to 6 (Sunday).", None)
    weekdays = sorted(set(days))
    part.clean["weekdays"] = weekdays
    return UntilWeekday(tuple(weekdays), at)


def _read_date(part: Reader) -> UntilDate:
    return UntilDate(
        field=part.text("field", "Until which date?", limit=60),
        offset_days=part.whole("offset_days", low=-FURTHEST, high=FURTHEST),
        at=part.clock("time", default=NINE),
        yearly=part.flag("yearly"),
    )
