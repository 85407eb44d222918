"""Actions: what happens to a contact that comes by; it goes on at once."""

from dataclasses import dataclass
from typing import Any

from sequences.kinds.reading import Reader


@dataclass(frozen=True, slots=True)
class ChangeList:
    """Put the contact into a list, or take it out."""

    list: int
    add: bool


@dataclass(frozen=True, slots=True)
class SetField:
    """Give a custom field of the contact a value; None empties it."""

    field: str
    value: Any


Action = ChangeList | SetField
DEEDS = ("add_to_list", "remove_from_list", "set_field")


def read_action(reader: Reader) -> Action | None:
    """Read what to `do`, and the fields of that."""
    match reader.one_of("do", DEEDS, "Choose what to do."):
        case "set_field":
            action = SetField(reader.text("field", "Choose a field.", limit=60), reader.raw("value"))
            reader.clean["value"] = action.value
            return action
        case "":
            return None
        case deed:
            return ChangeList(reader.identity("list", "Choose a list."), add=deed == "add_to_list")
