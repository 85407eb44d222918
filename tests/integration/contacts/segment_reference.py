"""A slow second opinion on segments: plain Python over one contact, written from docs/reference/segments.md."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from contacts.models import Contact


@dataclass(frozen=True)
class World:
    now: datetime
    time_zone: str
    types: dict[str, str]
    lists_of: dict[int, set[int]]
    reasons: dict[str, str]

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.time_zone)).date()


def fits(node: dict[str, Any], contact: Contact, world: World) -> bool:
    if "conditions" in node:
        answers = [fits(child, contact, world) for child in node["conditions"]]
        return {"all": all, "any": any, "none": lambda each: not any(each)}[node["match"]](answers)
    field, operator, value = node["field"], node["operator"], node.get("value")
    if field == "list":
        return (value in world.lists_of[contact.pk]) == (operator == "in")
    if field == "suppression":
        reason = world.reasons.get(contact.email_key)
        return {"suppressed": reason is not None, "not_suppressed": reason is None, "because": reason == value}[
            operator
        ]
    if field == "tags":
        has = " ".join((value or "").casefold().split()) in contact.tags
        return {"has": has, "has_not": not has, "empty": not contact.tags, "not_empty": bool(contact.tags)}[operator]
    if field.startswith("custom."):
        key = field.removeprefix("custom.")
        return TYPES[world.types[key]](contact.attributes.get(key), operator, value, world)
    if field.endswith("_at"):
        return moment(getattr(contact, field), operator, value, world)
    return text(contact.email_key if field == "email" else getattr(contact, field), operator, value, world)


def text(actual: Any, operator: str, value: Any, world: World) -> bool:
    have, want = as_text(actual).lower(), (value or "").lower()
    return {
        "is": have == want,
        "is_not": have != want,
        "contains": want in have,
        "not_contains": want not in have,
        "starts_with": have.startswith(want),
        "ends_with": have.endswith(want),
        "empty": have == "",
        "not_empty": have != "",
    }[operator]


def number(actual: Any, operator: str, value: Any, world: World) -> bool:
    known = isinstance(actual, int | float) and not isinstance(actual, bool)
    if operator in {"empty", "not_empty"}:
        return known == (operator == "not_empty")
    if not known:
        return operator == "not_equals"
    have, want = Decimal(repr(actual)), Decimal(repr(value))
    return {
        "equals": have == want,
        "not_equals": have != want,
        "more": have > want,
        "at_least": have >= want,
        "less": have < want,
        "at_most": have <= want,
    }[operator]


def day(actual: Any, operator: str, value: Any, world: World) -> bool:
    if operator in {"empty", "not_empty"}:
        return bool(actual) == (operator == "not_empty")
    if not actual:
        return operator == "not_in_last"
    have = date.fromisoformat(actual)
    if operator in {"on", "before", "after"}:
        want = date.fromisoformat(value)
        return {"on": have == want, "before": have < want, "after": have > want}[operator]
    back, ahead = (world.today - have).days, (have - world.today).days
    return {
        "in_last": 0 <= back <= value,
        "not_in_last": not 0 <= back <= value,
        "in_next": 0 <= ahead <= value,
    }[operator]


def boolean(actual: Any, operator: str, value: Any, world: World) -> bool:
    return {"is_true": actual is True, "is_false": actual is False, "empty": not isinstance(actual, bool)}[operator]


def choice(actual: Any, operator: str, value: Any, world: World) -> bool:
    have = as_text(actual)
    return {
        "is": lambda: have == value,
        "is_not": lambda: have != value,
        "any_of": lambda: have in value,
        "none_of": lambda: have not in value,
        "empty": lambda: have == "",
        "not_empty": lambda: have != "",
    }[operator]()


def items(actual: Any, operator: str, value: Any, world: World) -> bool:
    known = isinstance(actual, list)
    if operator in {"empty", "not_empty"}:
        return (known and actual != []) == (operator == "not_empty")
    return (known and value in [each for each in actual if isinstance(each, str)]) == (operator == "contains")


def moment(actual: datetime | None, operator: str, value: Any, world: World) -> bool:
    if operator in {"ever", "never"}:
        return (actual is not None) == (operator == "ever")
    if actual is None:
        return operator == "not_in_last"
    if operator in {"in_last", "not_in_last"}:
        return (world.now - actual <= timedelta(days=value)) == (operator == "in_last")
    local = actual.astimezone(ZoneInfo(world.time_zone)).date()
    want = date.fromisoformat(value)
    return local < want if operator == "before" else local > want


def as_text(value: Any) -> str:
    return "" if value is None else str(value)


TYPES = {"text": text, "number": number, "date": day, "boolean": boolean, "choice": choice, "list": items}
