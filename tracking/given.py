"""Events as other programs give them: read, checked one by one, and what is wrong with each."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from contacts.selectors import check_address
from tracking.custom import MAX_KEY, MAX_NAME, MAX_PROPERTIES

MAX_EVENTS = 1_000
MAX_DEPTH = 10
# An event from a clock that is a little ahead is taken as of now.
AHEAD = timedelta(hours=24)
NAMES = frozenset({"name", "email", "contact", "properties", "occurred_at", "key"})
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class GivenEvent:
    """An event of whoever has this address, or is this contact (the other is empty or None)."""

    name: str
    email: str
    contact_id: int | None
    occurred_at: datetime
    properties: dict[str, Any] = field(default_factory=dict)
    key: str = ""


class GivenError(ValueError):
    """An event can't be taken; `errors` says why, by field."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(next(iter(errors.values()))[0])
        self.errors = errors


def read_event(given: object, now: datetime) -> GivenEvent:
    """Return the event that a JSON value is.  Raises GivenError."""
    if not isinstance(given, Mapping):
        raise GivenError({"event": ["An event is an object."]})
    reader = _Reader(given)
    event = GivenEvent(
        name=reader.text("name", MAX_NAME, required=True),
        email=reader.email(),
        contact_id=reader.contact(),
        occurred_at=reader.moment(now),
        properties=reader.properties(),
        key=reader.text("key", MAX_KEY),
    )
    if not event.email and event.contact_id is None and not {"email", "contact"} & set(reader.errors):
        reader.fail("email", "Whose event is it? Give an email or a contact.")
    elif event.email and event.contact_id is not None:
        reader.fail("contact", "Give an email or a contact, not both.")
    for name in set(given) - NAMES:
        reader.fail(str(name)[:60], "An event has no such field; what belongs to it goes into its properties.")
    if reader.errors:
        raise GivenError(reader.errors)
    return event


class _Reader:
    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given
        self.errors: dict[str, list[str]] = {}

    def fail(self, name: str, message: str) -> None:
        self.errors.setdefault(name, []).append(message)

    def text(self, name: str, limit: int, *, required: bool = False) -> str:
        value = self.given.get(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or "\x00" in value:
            self.fail(name, "This must be a text.")
            return ""
        text = value.strip()
        if required and not text:
            self.fail(name, "This can't be empty.")
        if len(text) > limit:
            self.fail(name, f"This must have at most {limit} letters.")
        return text

    def email(self) -> str:
        value = self.given.get("email")
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fail("email", "This must be a text.")
            return ""
        try:
            return check_address(value)
        except ValueError as error:
            self.fail("email", str(error))
            return ""

    def contact(self) -> int | None:
        value = self.given.get("contact")
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_ID:
            self.fail("contact", "Give the id of a contact.")
            return None
        return value

    def moment(self, now: datetime) -> datetime:
        value = self.given.get("occurred_at")
        if value is None:
            return now
        try:
            moment = parse_datetime(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail("occurred_at", "Give an ISO 8601 time with its offset, as 2026-12-01T09:00:00Z.")
            return now
        if moment.year < 1970 or moment > now + AHEAD:
            self.fail("occurred_at", "This time can't be: it is before 1970 or still to come.")
            return now
        return min(moment.astimezone(UTC), now)

    def properties(self) -> dict[str, Any]:
        value = self.given.get("properties")
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.fail("properties", "This must be an object.")
            return {}
        if not _is_plain(value):
            self.fail("properties", f"This must be JSON without NUL or NaN, nested at most {MAX_DEPTH} deep.")
            return {}
        size = len(json.dumps(value, ensure_ascii=False).encode())
        if size > MAX_PROPERTIES:
            most = MAX_PROPERTIES // 1024
            self.fail("properties", f"The properties take {-(-size // 1024):,} kB; an event has at most {most} kB.")
            return {}
        return dict(value)


def _is_plain(value: object, depth: int = 0) -> bool:
    if depth > MAX_DEPTH:
        return False
    match value:
        case str():
            return "\x00" not in value
        case float():
            return math.isfinite(value)
        case Mapping():
            return all("\x00" not in str(key) and _is_plain(inner, depth + 1) for key, inner in value.items())
        case list():
            return all(_is_plain(inner, depth + 1) for inner in value)
    return value is None or isinstance(value, int)
