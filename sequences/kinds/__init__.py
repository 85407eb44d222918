"""The kinds of steps: typed settings, read from a document and checked.  One module per family; pure logic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sequences.kinds.actions import Action, read_action
from sequences.kinds.branches import SUBJECTS, Branch, read_branch
from sequences.kinds.events import Goal, WaitFor, read_goal, read_wait_for
from sequences.kinds.flow import Email, Exit, Jump, read_email, read_jump
from sequences.kinds.reading import Reader
from sequences.kinds.splits import Split, read_split
from sequences.kinds.waits import Wait, read_wait

Settings = Email | Wait | WaitFor | Branch | Split | Action | Goal | Jump | Exit


@dataclass(frozen=True, slots=True)
class Reading:
    """What a step's document says: typed `settings` (None while something is missing), their normal form, and the faults."""

    settings: Settings | None
    clean: dict[str, Any]
    errors: dict[str, str]
    missing: dict[str, str]


EMAIL_SETTINGS = ("expires_after", "thread")

_READERS: dict[str, Callable[[Reader, str], Settings | None]] = {
    "email": lambda reader, _key: read_email(reader),
    "wait": lambda reader, _key: read_wait(reader),
    "branch": lambda reader, _key: read_branch(reader),
    "split": read_split,
    "action": lambda reader, _key: read_action(reader),
    "wait_for": lambda reader, _key: read_wait_for(reader),
    "goal": lambda reader, _key: read_goal(reader),
    "jump": lambda reader, _key: read_jump(reader),
    "exit": lambda _reader, _key: Exit(),
}


def read(kind: str, given: Mapping[str, Any], *, key: str = "") -> Reading:
    """Read the fields of a step; of an email, those of EMAIL_SETTINGS.  Raises KeyError for an unknown kind."""
    reader = Reader(given)
    settings = _READERS[kind](reader, key)
    reader.finish()
    whole = settings if not reader.errors and not reader.missing else None
    return Reading(whole, reader.clean, reader.errors, reader.missing)


def lanes_of(kind: str, clean: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of a step's lanes, in their order, as far as its (clean) fields tell them."""
    if kind == "branch":
        return SUBJECTS.get(clean.get("on", ""), ())
    if kind == "wait_for":
        return WaitFor.lanes
    if kind == "split":
        return tuple(sorted(clean.get("shares", ())))
    return ()
