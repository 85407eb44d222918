"""Subjects made of a contact's own columns and custom fields."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contacts.models import ContactField, FieldType
from contacts.profile import COLUMNS
from contacts.segments.sql import Sql, like_escape
from contacts.segments.subjects import Compile, Moment, Operator, Option, Subject, ValueKind

CUSTOM_PREFIX = "custom."

PROFILE = "Profile"
CUSTOM = "Custom fields"
ACTIVITY = "Activity"

MOMENTS = {
    "created_at": "Added",
    "last_sent_at": "Last sent to",
    "last_opened_at": "Last opened",
    "last_clicked_at": "Last clicked",
}


class _Expression:
    """A value of the contact's row: SQL text and its parameters, used several times in one condition."""

    def __init__(self, text: str, *params: Any) -> None:
        self.text, self.params = text, params

    def where(self, template: str, *values: Any) -> Sql:
        """Fill `{}` in the template with the expression; `%s` behind it take `values`.

        Every `{}` must come before the first `%s` of the template.
        """
        count = template.count("{}")
        return Sql(template.replace("{}", self.text), (*self.params * count, *values))


def profile_subjects() -> list[Subject]:
    """Return the subjects of the standard columns."""
    texts = {"email": "Email address"} | {name: column.label for name, column in COLUMNS.items()}
    subjects = [
        Subject(name, label, PROFILE, _text_operators(_Expression(f"c.{'email_key' if name == 'email' else name}")))
        for name, label in texts.items()
    ]
    return subjects + [
        Subject(name, label, ACTIVITY, _moment_operators(_Expression(f"c.{name}"), always=name == "created_at"))
        for name, label in MOMENTS.items()
    ]


def custom_subject(field: ContactField) -> Subject:
    """Return the subject of a custom field."""
    key = field.key
    as_text = _Expression("coalesce(c.attributes ->> %s, '')", key)
    as_json = _Expression("(c.attributes -> %s)", key)
    options: Sequence[Option] = ()
    match field.type:
        case FieldType.NUMBER:
            operators = _number_operators(as_json)
        case FieldType.DATE:
            operators = _date_operators(as_text)
        case FieldType.BOOLEAN:
            operators = _boolean_operators(as_json)
        case FieldType.CHOICE:
            operators = _choice_operators(as_text)
            options = [Option(choice, choice) for choice in field.choices]
        case FieldType.LIST:
            operators = _list_operators(as_json)
        case _:
            operators = _text_operators(as_text)
    return Subject(f"{CUSTOM_PREFIX}{key}", field.label, CUSTOM, operators, tuple(options))


def _text_operators(text: _Expression) -> tuple[Operator, ...]:
    """Text is compared without regard to case; a contact without a value has the empty text."""

    def compared(template: str) -> Compile:
        return lambda value, _moment: text.where(template, value)

    def like(pattern: str, template: str = "lower({}) LIKE lower(%s)") -> Compile:
        return lambda value, _moment: text.where(template, pattern.replace("?", like_escape(value)))

    kind = ValueKind.TEXT
    return (
        Operator("is", "is", kind, compared("lower({}) = lower(%s)")),
        Operator("is_not", "is not", kind, compared("lower({}) <> lower(%s)")),
        Operator("contains", "contains", kind, like("%?%")),
        Operator("not_contains", "does not contain", kind, like("%?%", "lower({}) NOT LIKE lower(%s)")),
        Operator("starts_with", "starts with", kind, like("?%")),
        Operator("ends_with", "ends with", kind, like("%?")),
        Operator("empty", "is empty", ValueKind.NONE, lambda _value, _moment: text.where("{} = ''")),
        Operator("not_empty", "is not empty", ValueKind.NONE, lambda _value, _moment: text.where("{} <> ''")),
    )


def _number_operators(number: _Expression) -> tuple[Operator, ...]:
    """JSON numbers compare by value, whole or not; the check of the type keeps other JSON out of the comparison."""

    def compared(sign: str) -> Compile:
        template = f"coalesce(jsonb_typeof({{}}) = 'number' AND {{}} {sign} to_jsonb(%s::numeric), FALSE)"
        return lambda value, _moment: number.where(template, repr(value))

    kind = ValueKind.NUMBER
    missing = "coalesce(jsonb_typeof({}) <> 'number', TRUE)"
    return (
        Operator("equals", "is", kind, compared("=")),
        Operator("not_equals", "is not", kind, lambda value, moment: compared("=")(value, moment).negated()),
        Operator("more", "is more than", kind, compared(">")),
        Operator("at_least", "is at least", kind, compared(">=")),
        Operator("less", "is less than", kind, compared("<")),
        Operator("at_most", "is at most", kind, compared("<=")),
        Operator("empty", "is empty", ValueKind.NONE, lambda _value, _moment: number.where(missing)),
        Operator("not_empty", "is not empty", ValueKind.NONE, lambda _value, _moment: number.where(missing).negated()),
    )


def _date_operators(text: _Expression) -> tuple[Operator, ...]:
    """Dates are kept as YYYY-MM-DD, whose order as text (byte by byte) is their order in time."""

    def compared(sign: str) -> Compile:
        guard = "{} <> '' AND " if sign.startswith("<") else ""
        return lambda value, _moment: text.where(f'{guard}{{}} {sign} %s COLLATE "C"', value)

    def between(start: date, end: date) -> Sql:
        return text.where('{} BETWEEN (%s COLLATE "C") AND (%s COLLATE "C")', start.isoformat(), end.isoformat())

    def in_last(value: int, moment: Moment) -> Sql:
        return between(_shifted(moment.today, -value), moment.today)

    def in_next(value: int, moment: Moment) -> Sql:
        return between(moment.today, _shifted(moment.today, value))

    kind, days = ValueKind.DATE, ValueKind.DAYS
    return (
        Operator("on", "is on", kind, compared("=")),
        Operator("before", "is before", kind, compared("<")),
        Operator("after", "is after", kind, compared(">")),
        Operator("in_last", "is in the last (days)", days, in_last),
        Operator("in_next", "is in the next (days)", days, in_next),
        Operator("not_in_last", "is not in the last (days)", days, lambda value, now: in_last(value, now).negated()),
        Operator("empty", "is empty", ValueKind.NONE, lambda _value, _moment: text.where("{} = ''")),
        Operator("not_empty", "is not empty", ValueKind.NONE, lambda _value, _moment: text.where("{} <> ''")),
    )


def _shifted(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def _boolean_operators(value_: _Expression) -> tuple[Operator, ...]:
    def is_(word: str) -> Compile:
        return lambda _value, _moment: value_.where(f"coalesce({{}} = '{word}'::jsonb, FALSE)")

    missing = "coalesce(jsonb_typeof({}) <> 'boolean', TRUE)"
    return (
        Operator("is_true", "is yes", ValueKind.NONE, is_("true")),
        Operator("is_false", "is no", ValueKind.NONE, is_("false")),
        Operator("empty", "is not known", ValueKind.NONE, lambda _value, _moment: value_.where(missing)),
    )


def _choice_operators(text: _Expression) -> tuple[Operator, ...]:
    several = "{} = ANY (%s)"
    return (
        Operator("is", "is", ValueKind.ONE, lambda value, _moment: text.where("{} = %s", value)),
        Operator("is_not", "is not", ValueKind.ONE, lambda value, _moment: text.where("{} <> %s", value)),
        Operator("any_of", "is one of", ValueKind.SEVERAL, lambda value, _moment: text.where(several, list(value))),
        Operator(
            "none_of",
            "is none of",
            ValueKind.SEVERAL,
            lambda value, _moment: text.where(several, list(value)).negated(),
        ),
        Operator("empty", "is empty", ValueKind.NONE, lambda _value, _moment: text.where("{} = ''")),
        Operator("not_empty", "is not empty", ValueKind.NONE, lambda _value, _moment: text.where("{} <> ''")),
    )


def _list_operators(items: _Expression) -> tuple[Operator, ...]:
    def contains(value: str, _moment: Moment) -> Sql:
        return items.where("coalesce(jsonb_typeof({}) = 'array' AND {} ? %s, FALSE)", value)

    missing = "coalesce(jsonb_typeof({}) <> 'array' OR {} = '[]'::jsonb, TRUE)"
    return (
        Operator("contains", "contains", ValueKind.TEXT, contains),
        Operator(
            "not_contains", "does not contain", ValueKind.TEXT, lambda value, moment: contains(value, moment).negated()
        ),
        Operator("empty", "is empty", ValueKind.NONE, lambda _value, _moment: items.where(missing)),
        Operator("not_empty", "is not empty", ValueKind.NONE, lambda _value, _moment: items.where(missing).negated()),
    )


def _moment_operators(column: _Expression, *, always: bool) -> tuple[Operator, ...]:
    """Moments: `always` for a column that is never empty."""

    def since(moment: Moment, days: int) -> datetime:
        try:
            return moment.now - timedelta(days=days)
        except OverflowError:
            return datetime(1, 1, 1, tzinfo=moment.now.tzinfo)

    def in_last(value: int, moment: Moment) -> Sql:
        return column.where("coalesce({} >= %s, FALSE)", since(moment, value))

    def start_of(value: str, moment: Moment, *, next_day: bool = False) -> datetime:
        day = date.fromisoformat(value)
        return datetime.combine(_shifted(day, 1) if next_day else day, time.min, ZoneInfo(moment.time_zone))

    def before(value: str, moment: Moment) -> Sql:
        return column.where("coalesce({} < %s, FALSE)", start_of(value, moment))

    def after(value: str, moment: Moment) -> Sql:
        return column.where("coalesce({} >= %s, FALSE)", start_of(value, moment, next_day=True))

    operators = (
        Operator("in_last", "in the last (days)", ValueKind.DAYS, in_last),
        Operator(
            "not_in_last", "not in the last (days)", ValueKind.DAYS, lambda value, now: in_last(value, now).negated()
        ),
        Operator("before", "before", ValueKind.DATE, before),
        Operator("after", "after", ValueKind.DATE, after),
    )
    if always:
        return operators
    return (
        Operator("ever", "ever", ValueKind.NONE, lambda _value, _moment: column.where("{} IS NOT NULL")),
        Operator("never", "never", ValueKind.NONE, lambda _value, _moment: column.where("{} IS NULL")),
        *operators,
    )
