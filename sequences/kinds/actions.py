"""Actions: what happens when a contact comes by; it goes on at once, whatever becomes of what was set going."""

from collections.abc import Mapping
from dataclasses import dataclass
from json import dumps
from typing import Any

from contacts.exceptions import BadValueError
from contacts.tags import clean_tag
from core.posting import url_problem
from sequences.kinds.reading import Reader

MAX_URL = 2_000
MAX_DATA = 8_000
MAX_MEMBERS = 50
MAX_MESSAGE = 1_000


@dataclass(frozen=True, slots=True)
class ChangeList:
    """Put the contact into a list, or take it out."""

    list: int
    add: bool


@dataclass(frozen=True, slots=True)
class ChangeTag:
    """Put a tag on the contact, or take it off."""

    tag: str
    add: bool


@dataclass(frozen=True, slots=True)
class SetField:
    """Give a custom field of the contact a value; None empties it."""

    field: str
    value: Any


@dataclass(frozen=True, slots=True)
class Webhook:
    """Tell a URL, with the contact's data and `data` (a JSON object as text)."""

    url: str
    data: str


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell members of the team (by the ids of their users) by mail."""

    members: tuple[int, ...]
    message: str


@dataclass(frozen=True, slots=True)
class StartSequence:
    """Let the contact into another campaign's sequence: once, or anew each time it comes by."""

    sequence: int
    again: bool


@dataclass(frozen=True, slots=True)
class StopSequence:
    """End the contact's way through another campaign's sequence."""

    sequence: int


Action = ChangeList | ChangeTag | SetField | Webhook | Notify | StartSequence | StopSequence
DEEDS = (
    "add_to_list",
    "remove_from_list",
    "add_tag",
    "remove_tag",
    "set_field",
    "webhook",
    "notify",
    "start_sequence",
    "stop_sequence",
)


def read_action(reader: Reader) -> Action | None:
    """Read what to `do`, and the fields of that."""
    match reader.one_of("do", DEEDS, "Choose what to do."):
        case "set_field":
            action = SetField(reader.text("field", "Choose a field.", limit=60), reader.raw("value"))
            reader.clean["value"] = action.value
            return action
        case "add_to_list" | "remove_from_list" as deed:
            return ChangeList(reader.identity("list", "Choose a list."), add=deed == "add_to_list")
        case "add_tag" | "remove_tag" as deed:
            return ChangeTag(_read_tag(reader), add=deed == "add_tag")
        case "webhook":
            return Webhook(_read_url(reader), _read_data(reader))
        case "notify":
            return Notify(_read_members(reader), reader.text("message", limit=MAX_MESSAGE))
        case "start_sequence":
            return StartSequence(reader.identity("sequence", "Which sequence?"), again=reader.flag("again"))
        case "stop_sequence":
            return StopSequence(reader.identity("sequence", "Which sequence?"))
    return None


def _read_tag(reader: Reader) -> str:
    raw = reader.raw("tag")
    if raw is None or raw == "":
        reader.missing["tag"] = "Which tag?"
        return ""
    try:
        tag = clean_tag(raw)
    except BadValueError as error:
        return reader.wrong("tag", str(error), "")
    reader.clean["tag"] = tag
    return tag


def _read_url(reader: Reader) -> str:
    url = reader.text("url", "Which address?", limit=MAX_URL)
    if not url:
        return ""
    problem = url_problem(url)
    return reader.wrong("url", problem, "") if problem else url


def _read_data(reader: Reader) -> str:
    data = reader.raw("data")
    if data is None:
        return "{}"
    if not isinstance(data, Mapping):
        return reader.wrong("data", "This must be an object.", "{}")
    try:
        text = dumps(data, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError):
        return reader.wrong("data", "This must be JSON.", "{}")
    if len(text) > MAX_DATA or "\\u0000" in text:
        return reader.wrong("data", f"This must be JSON of at most {MAX_DATA:,} characters.", "{}")
    reader.clean["data"] = dict(data)
    return text


def _read_members(reader: Reader) -> tuple[int, ...]:
    members = reader.raw("members")
    if members is None or members == []:
        reader.missing["members"] = "Whom?"
        return ()
    if (
        not isinstance(members, list)
        or len(members) > MAX_MEMBERS
        or any(isinstance(each, bool) or not isinstance(each, int) or not 0 < each < 2**53 for each in members)
    ):
        return reader.wrong("members", f"This must be a list of at most {MAX_MEMBERS} members' ids.", ())
    chosen = sorted(set(members))
    reader.clean["members"] = chosen
    return tuple(chosen)
