"""A segment's definition: a JSON tree, checked against what the workspace has and compiled to SQL.

    {"match": "all", "conditions": [
        {"field": "custom.plan", "operator": "is", "value": "pro"},
        {"match": "none", "conditions": [{"field": "last_opened_at", "operator": "in_last", "value": 30}]}
    ]}

`match` is "all", "any" or "none"; a group without conditions matches everybody with "all" and "none", nobody with "any".
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from contacts.exceptions import BadValueError, InvalidSegment
from contacts.segments.sql import Sql, all_of, any_of
from contacts.segments.subjects import Moment, Operator, Subject, ValueKind
from contacts.values import date_value, number_value, text_value

Definition = dict[str, Any]

MATCHES = {"all": "all of", "any": "any of", "none": "none of"}
MAX_DEPTH = 5
MAX_CONDITIONS = 50
MAX_DAYS = 36_500
MAX_TEXT = 500

# What is chosen from a subject's options.
CHOSEN = {ValueKind.ONE, ValueKind.SEVERAL, ValueKind.ONE_WITHIN}

EMPTY: Definition = {"match": "all", "conditions": []}


def check_definition(definition: object, subjects: Mapping[str, Subject]) -> Definition:
    """Return the definition in its normal form, values coerced.

    Raises InvalidSegment, whose `fields` name every faulty part by its path (`conditions.0.conditions.1.value`).
    """
    checker = _Checker(subjects)
    checked = checker.group(definition, "", depth=1)
    if checker.count > MAX_CONDITIONS:
        checker.errors.setdefault("conditions", []).append(f"A segment has at most {MAX_CONDITIONS} conditions.")
    if checker.errors:
        path, messages = next(iter(checker.errors.items()))
        raise InvalidSegment(f"{path or 'definition'}: {messages[0]}", fields=checker.errors)
    return checked


class _Checker:
    def __init__(self, subjects: Mapping[str, Subject]) -> None:
        self.subjects = subjects
        self.errors: dict[str, list[str]] = {}
        self.count = 0

    def fail(self, path: str, message: str) -> None:
        self.errors.setdefault(path, []).append(message)

    def group(self, node: object, path: str, *, depth: int) -> Definition:
        if not isinstance(node, dict):
            self.fail(path, "This must be an object.")
            return EMPTY
        if depth > MAX_DEPTH:
            self.fail(path, f"Groups can be nested {MAX_DEPTH} deep.")
            return EMPTY
        match, conditions = node.get("match", "all"), node.get("conditions", [])
        if not isinstance(match, str) or match not in MATCHES:
            self.fail(_join(path, "match"), "This must be all, any or none.")
        if not isinstance(conditions, list):
            self.fail(_join(path, "conditions"), "This must be a list.")
            conditions = []
        if unknown := set(node) - {"match", "conditions"}:
            self.fail(path, f"A group has no {', '.join(sorted(map(str, unknown)))}.")
        checked = []
        for index, child in enumerate(conditions[: MAX_CONDITIONS + 1]):
            where = _join(path, f"conditions.{index}")
            is_group = isinstance(child, dict) and ("conditions" in child or "match" in child)
            checked.append(self.group(child, where, depth=depth + 1) if is_group else self.condition(child, where))
        return {"match": match, "conditions": checked}

    def condition(self, node: object, path: str) -> Definition:
        self.count += 1
        if not isinstance(node, dict):
            self.fail(path, "This must be an object.")
            return {}
        key = node.get("field")
        subject = self.subjects.get(key) if isinstance(key, str) else None
        if subject is None:
            self.fail(_join(path, "field"), "This workspace has no such field." if key else "Choose what to ask about.")
            return {}
        operator = subject.operator(node.get("operator"))
        if operator is None:
            allowed = ", ".join(each.key for each in subject.operators)
            self.fail(_join(path, "operator"), f"This must be one of {allowed}.")
            return {}
        checked: Definition = {"field": subject.key, "operator": operator.key}
        if operator.takes is ValueKind.NONE:
            return checked
        try:
            return checked | {"value": clean_value(subject, operator, node.get("value"))}
        except BadValueError as error:
            self.fail(_join(path, "value"), str(error))
            return checked


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def clean_value(subject: Subject, operator: Operator, raw: object) -> Any:
    """Return the value that the operator takes.  Raises BadValueError."""
    match operator.takes:
        case ValueKind.TEXT:
            value: Any = text_value(raw, limit=MAX_TEXT)
        case ValueKind.NUMBER:
            value = number_value(raw)
        case ValueKind.DATE:
            value = date_value(raw)
        case ValueKind.DAYS:
            value = _days(raw)
        case ValueKind.ONE:
            value = _option(subject, raw)
        case ValueKind.SEVERAL:
            raw = raw if isinstance(raw, list) else [raw]
            value = [chosen for chosen in (_option(subject, item) for item in raw) if chosen is not None] or None
        case ValueKind.ONE_WITHIN:
            value = _option_within(subject, raw)
        case ValueKind.NONE:
            return None
    if value is None:
        raise BadValueError("Choose a value." if operator.takes in CHOSEN else "Fill this in.")
    return value


def _days(raw: object) -> int | None:
    number = number_value(raw)
    if number is None:
        return None
    if not math.isfinite(number) or number != int(number) or not 0 < number <= MAX_DAYS:
        raise BadValueError(f"This must be a whole number of days, 1 to {MAX_DAYS:,}.")
    return int(number)


def _option(subject: Subject, raw: object) -> str | int | None:
    if raw is None or raw == "":
        return None
    for option in subject.options:
        if str(option.value) == str(raw):
            return option.value
    raise BadValueError("This is not one of the options.")


def _option_within(subject: Subject, raw: object) -> dict[str, Any] | None:
    given = raw if isinstance(raw, dict) else {"option": raw}
    if unknown := set(given) - {"option", "days"}:
        raise BadValueError(f"This has no {', '.join(sorted(map(str, unknown)))}; it has an option and days.")
    option, days = _option(subject, given.get("option")), _days(given.get("days"))
    if option is None:
        return None
    return {"option": option} if days is None else {"option": option, "days": days}


def compile_definition(definition: Mapping[str, Any], subjects: Mapping[str, Subject], moment: Moment) -> Sql:
    """Return the SQL of a checked definition.

    A condition whose subject is gone (a campaign was deleted, say) is refused: a segment never silently means less.
    Raises InvalidSegment.
    """
    if "field" in definition:
        return _compile_condition(definition, subjects, moment)
    parts = [compile_definition(child, subjects, moment) for child in definition.get("conditions", [])]
    match definition.get("match", "all"):
        case "any":
            return any_of(parts)
        case "none":
            return any_of(parts).negated()
        case _:
            return all_of(parts)


def _compile_condition(condition: Mapping[str, Any], subjects: Mapping[str, Subject], moment: Moment) -> Sql:
    subject = subjects.get(condition["field"])
    operator = subject.operator(condition.get("operator")) if subject else None
    if subject is None or operator is None:
        raise InvalidSegment(f"The segment asks about “{condition['field']}”, which this workspace no longer has.")
    if operator.takes is ValueKind.NONE:
        return operator.compile(None, moment)
    try:
        value = clean_value(subject, operator, condition.get("value"))
    except BadValueError as error:
        raise InvalidSegment(f"The segment's condition on {subject.label} can't be asked: {error}") from error
    return operator.compile(value, moment)


def conditions_of(definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every condition of the tree."""
    if "field" in definition:
        yield definition
        return
    for child in definition.get("conditions", []):
        yield from conditions_of(child)


def uses(definition: Mapping[str, Any], field: str, value: Any = None) -> bool:
    """Tell whether a condition asks about `field` (and, if given, about this `value`)."""
    return any(
        condition["field"] == field and (value is None or condition.get("value") == value or _holds(condition, value))
        for condition in conditions_of(definition)
    )


def _holds(condition: Mapping[str, Any], value: Any) -> bool:
    several = condition.get("value")
    return isinstance(several, list) and value in several


def describe(definition: Mapping[str, Any], subjects: Mapping[str, Subject]) -> str:
    """Return the definition as a sentence for lists and tooltips: "First name is “Ada” and Plan is one of …"."""
    if "field" in definition:
        return _describe_condition(definition, subjects)
    parts = [describe(child, subjects) for child in definition.get("conditions", [])]
    parts = [f"({part})" if " and " in part or " or " in part else part for part in parts]
    match definition.get("match", "all"):
        case "any":
            return " or ".join(parts) or "nobody"
        case "none":
            return f"none of: {'; '.join(parts)}" if parts else "everybody"
        case _:
            return " and ".join(parts) or "everybody"


def _describe_condition(condition: Mapping[str, Any], subjects: Mapping[str, Subject]) -> str:
    subject = subjects.get(condition["field"])
    operator = subject.operator(condition.get("operator")) if subject else None
    if subject is None or operator is None:
        return f"{condition['field']} (no longer there)"
    if operator.takes is ValueKind.NONE:
        return f"{subject.label} {operator.label}"
    raw = condition.get("value")
    labels = {str(option.value): option.label for option in subject.options}
    shown = ", ".join(labels.get(str(value), str(value)) for value in (raw if isinstance(raw, list) else [raw]))
    if operator.takes is ValueKind.ONE_WITHIN and isinstance(raw, dict):
        option, days = raw.get("option"), raw.get("days")
        in_time = f" in the last {days} day{'' if days == 1 else 's'}" if days else ""
        return f"{subject.label} “{labels.get(str(option), str(option))}” {operator.label}{in_time}"
    if operator.takes is ValueKind.DAYS:
        return f"{subject.label} {operator.label.replace('(days)', f'{shown} days')}"
    return f"{subject.label} {operator.label} “{shown}”"
