"""What is asked of events that other programs tell of: by name, and by properties that must be equal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sequences.kinds.reading import Reader

HAPPENED, TIMEOUT = "happened", "timeout"
MAX_COUNT = 1_000
MAX_FILTERS = 20


@dataclass(frozen=True, slots=True)
class Match:
    """Events of this name whose properties include `where`."""

    name: str
    where: tuple[tuple[str, Any], ...] = ()

    def properties(self) -> dict[str, Any]:
        """Return the properties as they must be found."""
        return dict(self.where)


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Stand here until such an event, or until the timeout."""

    match: Match
    timeout: timedelta

    lanes = (HAPPENED, TIMEOUT)


@dataclass(frozen=True, slots=True)
class EventBranch:
    """Were there at least so many such events (within the time before)?"""

    match: Match
    at_least: int
    within: timedelta | None

    lanes = ("yes", "no")


@dataclass(frozen=True, slots=True)
class Goal:
    """With an event: reached as soon as it happens, wherever the contact stands.  Without: reached by coming here."""

    match: Match | None = None


def read_match(reader: Reader, missing: str) -> Match:
    """Read `event` and `where`."""
    name = reader.text("event", missing, limit=100)
    where = reader.raw("where") or {}
    if not isinstance(where, Mapping) or len(where) > MAX_FILTERS:
        return reader.wrong("where", f"This must be an object of at most {MAX_FILTERS} properties.", Match(name))
    for key, value in where.items():
        if not isinstance(key, str) or not isinstance(value, str | int | float | bool):
            return reader.wrong("where", "A property is compared with a text, a number, true or false.", Match(name))
    if where:
        reader.clean["where"] = dict(where)
    return Match(name, tuple(where.items()))


def read_wait_for(reader: Reader) -> WaitFor | None:
    """Read the event and the `timeout`."""
    match = read_match(reader, "Which event?")
    timeout = reader.duration("timeout", "Until when at the latest?")
    return None if timeout is None else WaitFor(match, timeout)


def read_event_branch(reader: Reader) -> EventBranch:
    """Read the event, `at_least` and `within`."""
    return EventBranch(
        read_match(reader, "Which event?"),
        reader.whole("at_least", low=1, high=MAX_COUNT, default=1),
        reader.duration("within"),
    )


def read_goal(reader: Reader) -> Goal:
    """Read the event, if the goal has one."""
    match = read_match(reader, "")
    if match.where and not match.name:
        reader.missing["event"] = "Which event?"
    return Goal(match if match.name else None)
