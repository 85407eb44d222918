"""Reading a step's fields out of a document: one by one, with types; what is left over is an error.

Two faults are told apart.  What is *wrong* (a type, a range, an unknown name) is never stored.  What is *missing* may be
filled in later: a draft keeps it, publishing refuses it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django.utils.dateparse import parse_duration
from django.utils.duration import duration_iso_string

SHORTEST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(days=730)
WAIT_RANGE = "A wait takes from one second to two years."
MAX_TEXT = 500


class Reader:
    """Takes fields out of a mapping.  `clean` is their normal form, `errors` and `missing` are sentences by field."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = dict(given)
        self.clean: dict[str, Any] = {}
        self.errors: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    def has(self, name: str) -> bool:
        """Tell whether the field is given and not null."""
        return self._given.get(name) is not None

    def raw(self, name: str) -> Any:
        """Take a field as it is; None if it is not given."""
        return self._given.pop(name, None)

    def text(self, name: str, missing: str = "", *, limit: int = MAX_TEXT) -> str:
        """Take a line of text; without `missing` it may be left out."""
        value = self.raw(name)
        if value is None or value == "":
            return self._absent(name, missing, "")
        if not isinstance(value, str) or "\x00" in value or len(value) > limit:
            return self.wrong(name, f"This must be text of at most {limit} characters.", "")
        self.clean[name] = value.strip()
        return value.strip()

    def whole(self, name: str, missing: str = "", *, low: int, high: int, default: int = 0) -> int:
        """Take a whole number from `low` to `high`."""
        value = self.raw(name)
        if value is None:
            return self._absent(name, missing, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            return self.wrong(name, f"This must be a whole number from {low:,} to {high:,}.", default)
        self.clean[name] = value
        return value

    def identity(self, name: str, missing: str) -> int:
        """Take the id of something."""
        return self.whole(name, missing, low=1, high=2**53)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Take true or false."""
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            return self.wrong(name, "This must be true or false.", default)
        self.clean[name] = value
        return value

    def one_of(self, name: str, options: Collection[str], missing: str) -> str:
        """Take one of the words."""
        value = self.raw(name)
        if value is None or value == "":
            return self._absent(name, missing, "")
        if not isinstance(value, str) or value not in options:
            return self.wrong(name, f"This must be one of {', '.join(options)}.", "")
        self.clean[name] = value
        return value

    def duration(self, name: str, missing: str = "", *, default: timedelta | None = None) -> timedelta | None:
        """Take an ISO 8601 duration (P3D, PT2H) or a timedelta, from one second to two years."""
        value = self.raw(name)
        if value is None or value == "":
            return self._absent(name, missing, default)
        length = value if isinstance(value, timedelta) else _parsed(value)
        if length is None:
            return self.wrong(name, "This must be a duration like P3D or PT2H.", default)
        if not SHORTEST_WAIT <= length <= LONGEST_WAIT:
            return self.wrong(name, WAIT_RANGE, default)
        self.clean[name] = duration_iso_string(length)
        return length

    def clock(self, name: str, *, default: time) -> time:
        """Take a time of day, as 09:30."""
        value = self.raw(name)
        if value is None or value == "":
            return default
        try:
            moment = value if isinstance(value, time) else datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - no date
        except (TypeError, ValueError):
            return self.wrong(name, "This must be a time like 09:30.", default)
        self.clean[name] = moment.strftime("%H:%M")
        return moment

    def part(self, name: str) -> "Reader | None":
        """Take an object in the object; its faults are those of `finish_part`."""
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            return self.wrong(name, "This must be an object.", None)
        return Reader(value)

    def finish_part(self, name: str, part: "Reader") -> None:
        """Take over what a part has found, under its name."""
        part.finish()
        self.clean[name] = part.clean
        self.errors |= {f"{name}.{inner}": message for inner, message in part.errors.items()}
        self.missing |= {f"{name}.{inner}": message for inner, message in part.missing.items()}

    def finish(self) -> None:
        """Refuse what nobody took."""
        for name in self._given:
            self.errors.setdefault(str(name), "Not for a step of this kind.")

    def wrong[T](self, name: str, message: str, value: T) -> T:
        """Note an error and return the value to go on with."""
        self.errors[name] = message
        return value

    def _absent[T](self, name: str, message: str, value: T) -> T:
        if message:
            self.missing[name] = message
        return value


def _parsed(value: Any) -> timedelta | None:
    try:
        return parse_duration(value) if isinstance(value, str) and value.startswith("P") else None
    except (ValueError, OverflowError):
        return None
