"""Values of custom fields: what a typed value is, and how text becomes one.

A value is JSON: text and choice a string, number an int or float, date "YYYY-MM-DD", boolean true or false, list an array of
strings or of flat objects. An empty value (None, "", [] or blanks) is None: the contact has no such value.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from contacts.exceptions import BadValueError
from contacts.models import FieldType, Import

MAX_TEXT = 5000
MAX_ITEMS = 100
MAX_LIST_CHARACTERS = 20_000

# JSON numbers beyond this lose digits in other programs (and in JavaScript).
MAX_WHOLE = 2**53

Value = str | int | float | bool | list[Any]

YES = frozenset(
    {"true", "yes", "y", "1", "on", "t", "x", "ja", "j", "wahr", "oui", "o", "vrai", "sí", "si", "s", "verdadero"}
)
NO = frozenset({"false", "no", "n", "0", "off", "f", "nein", "falsch", "non", "faux", "falso"})

_PLAIN_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
_SPACES = re.compile(r"[\s\u00a0\u202f']")
_GROUPED_BY_COMMA = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z", re.ASCII)
_GROUPED_BY_POINT = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?\Z", re.ASCII)
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}.*)?\Z", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})[./-](\d{1,2})[./-](\d{1,2})\Z", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})[./-] ?(\d{1,2})[./-] ?(\d{4})(?: \d{1,2}:\d{2}.*)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Formats:
    """How a file writes numbers and dates; the default is how the API and forms do."""

    decimal_comma: bool = False
    date_order: str = Import.DateOrder.YEAR_FIRST


PLAIN = Formats()


def coercer(type_: str, *, choices: Sequence[str] = (), formats: Formats = PLAIN) -> Callable[[Any], Value | None]:
    """Return a function that turns text or a JSON value into a value of the type, or None if it is empty.

    The function raises BadValueError.
    """
    match type_:
        case FieldType.TEXT:
            return text_value
        case FieldType.NUMBER:
            return lambda raw: number_value(raw, formats=formats)
        case FieldType.DATE:
            return lambda raw: date_value(raw, formats=formats)
        case FieldType.BOOLEAN:
            return boolean_value
        case FieldType.CHOICE:
            return _choice_coercer(choices)
        case FieldType.LIST:
            return list_value
    raise ValueError(f"There is no field type {type_!r}.")


def text_value(raw: Any, *, limit: int = MAX_TEXT) -> str | None:
    """Return trimmed text.  Raises BadValueError when it is too long or holds what can't be stored."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise BadValueError("This must be text.")
        raw = str(raw)
    text: str = raw.strip()
    if len(text) > limit:
        raise BadValueError(f"This is longer than {limit:,} characters.")
    if not text.isascii() or not text.isprintable():
        _refuse_unstorable(text)
    return text or None


def _refuse_unstorable(text: str) -> None:
    if "\x00" in text:
        raise BadValueError("This holds a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadValueError("This holds half of a character.") from error


def number_value(raw: Any, *, formats: Formats = PLAIN) -> int | float | None:
    """Return a number; grouping marks and spaces are understood where they are unambiguous.  Raises BadValueError."""
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, str | int | float | Decimal):
        raise BadValueError("This must be a number.")
    text = str(raw) if not isinstance(raw, str) else _plain_number(raw.strip(), formats)
    if text == "":
        return None
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise BadValueError(f"{_shown(raw)} is not a number.") from error
    if not number.is_finite():
        raise BadValueError(f"{_shown(raw)} is not a number.")
    if number == number.to_integral_value() and abs(number) <= MAX_WHOLE:
        return int(number)
    approximate = float(number)
    if not math.isfinite(approximate):
        raise BadValueError(f"{_shown(raw)} is too large.")
    return approximate


def _plain_number(text: str, formats: Formats) -> str:
    """Turn a written number into one that Decimal reads; what isn't one comes back as it was and is refused there."""
    if not formats.decimal_comma and _PLAIN_NUMBER.match(text):
        return text
    bare = _SPACES.sub("", text)
    if formats.decimal_comma:
        if _GROUPED_BY_POINT.match(bare):
            bare = bare.replace(".", "")
        bare = bare.replace(",", ".") if bare.count(",") == 1 else bare
    elif _GROUPED_BY_COMMA.match(bare):
        bare = bare.replace(",", "")
    if bare and not _PLAIN_NUMBER.match(bare):
        raise BadValueError(f"{_shown(text)} is not a number.")
    return bare


def date_value(raw: Any, *, formats: Formats = PLAIN) -> str | None:
    """Return a date as "YYYY-MM-DD"; a time behind it is dropped.  Raises BadValueError."""
    if raw is None or raw == "":
        return None
    if isinstance(raw, datetime):
        return raw.date().isoformat()
    if isinstance(raw, date):
        return raw.isoformat()
    if not isinstance(raw, str):
        raise BadValueError("This must be a date.")
    text = raw.strip()
    if not text:
        return None
    try:
        return date(*_date_parts(text, formats.date_order)).isoformat()
    except ValueError as error:
        wanted = Import.DateOrder(formats.date_order).label
        raise BadValueError(f"{_shown(text)} is not a date like {wanted}.") from error


def _date_parts(text: str, order: str) -> tuple[int, int, int]:
    if found := _ISO_DATE.match(text) or _YEAR_FIRST.match(text):
        year, month, day = found.groups()
    elif order != Import.DateOrder.YEAR_FIRST and (found := _YEAR_LAST.match(text)):
        day, month, year = found.groups()
        if order == Import.DateOrder.MONTH_FIRST:
            day, month = month, day
    else:
        raise ValueError(text)
    return int(year), int(month), int(day)


def boolean_value(raw: Any) -> bool | None:
    """Return True or False; words of English, German, French and Spanish are understood.  Raises BadValueError."""
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, int) and raw in (0, 1):
        return bool(raw)
    if not isinstance(raw, str):
        raise BadValueError("This must be yes or no.")
    text = raw.strip().lower()
    if not text:
        return None
    if text in YES:
        return True
    if text in NO:
        return False
    raise BadValueError(f"{_shown(raw)} is neither yes nor no.")


def _choice_coercer(choices: Sequence[str]) -> Callable[[Any], str | None]:
    by_key = {choice.casefold(): choice for choice in choices}

    def choice_value(raw: Any) -> str | None:
        text = text_value(raw)
        if text is None:
            return None
        chosen = by_key.get(text.casefold())
        if chosen is None:
            shown = ", ".join(choices[:10]) + (", …" if len(choices) > 10 else "")
            raise BadValueError(f"{_shown(text)} is not one of the choices: {shown}.")
        return chosen

    return choice_value


def list_value(raw: Any) -> list[Any] | None:
    """Return a list of texts or of flat objects; text is split at semicolons or bars, or read as JSON.  Raises BadValueError."""
    if raw is None:
        return None
    if isinstance(raw, str):
        raw = _split_list(raw)
    if not isinstance(raw, list | tuple):
        raise BadValueError("This must be a list.")
    items = [item for item in map(_list_item, raw) if item is not None]
    if len(items) > MAX_ITEMS:
        raise BadValueError(f"A list has at most {MAX_ITEMS} items.")
    if len(json.dumps(items, ensure_ascii=False)) > MAX_LIST_CHARACTERS:
        raise BadValueError(f"This list is longer than {MAX_LIST_CHARACTERS:,} characters.")
    return items or None


def _split_list(text: str) -> list[Any]:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        if isinstance(parsed, list):
            return parsed
    return text.split(";" if ";" in text else "|")


def _list_item(item: Any) -> str | dict[str, Any] | None:
    if not isinstance(item, dict):
        return text_value(item, limit=500)
    clean: dict[str, Any] = {}
    for key, value in item.items():
        if isinstance(value, dict | list):
            raise BadValueError("An object in a list holds only text, numbers, yes or no.")
        name = text_value(key, limit=60)
        if name is not None:
            clean[name] = text_value(value, limit=500) if isinstance(value, str) else _finite(value)
    return clean


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadValueError("This must be a number.")
    return value


def _shown(raw: Any) -> str:
    text = str(raw)
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"


def as_text(value: Any) -> str:
    """Return a value as one cell of text, which the coercer of its type reads back."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            if all(isinstance(item, str) and not re.search(r"[;|]|^\[|\]$", item) for item in value):
                return "; ".join(value)
            return json.dumps(value, ensure_ascii=False)
        case float() if value == int(value) and abs(value) < 1e16:
            return str(int(value))
    return str(value)
