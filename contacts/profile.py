"""The standard columns of a contact, beside its address: labels, merge fields, and what may stand in them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

from contacts.exceptions import BadValueError
from contacts.values import text_value

_LOCALE = re.compile(r"([A-Za-z]{2,3})((?:[-_][A-Za-z0-9]{2,8}){0,3})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `contacts_contact`; `merge_field` is its name in templates."""

    name: str
    label: str
    merge_field: str
    clean: Callable[[object], str]


def _text(limit: int) -> Callable[[object], str]:
    def clean(raw: object) -> str:
        text = text_value(raw, limit=limit) or ""
        return " ".join(text.split()) if "\n" in text or "\r" in text else text

    return clean


def locale_value(raw: object) -> str:
    """Return a language tag as "de" or "pt-BR".  Raises BadValueError."""
    text = text_value(raw) or ""
    if not text:
        return ""
    found = _LOCALE.match(text)
    if found is None:
        raise BadValueError(f"“{text[:40]}” is no language code like en or pt-BR.")
    language, rest = found.groups()
    parts = [part.upper() if len(part) == 2 else part.title() for part in re.split("[-_]", rest) if part]
    return "-".join([language.lower(), *parts])


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() if name not in {"localtime", "Factory"}}


def time_zone_value(raw: object) -> str:
    """Return an IANA time zone, "Europe/Berlin".  Raises BadValueError."""
    text = text_value(raw) or ""
    if not text:
        return ""
    zone = _zones().get(text.lower().replace(" ", "_"))
    if zone is None:
        raise BadValueError(f"“{text[:40]}” is no time zone like Europe/Berlin.")
    return zone


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("first_name", "First name", "firstName", _text(150)),
        Column("last_name", "Last name", "lastName", _text(150)),
        Column("company", "Company", "company", _text(200)),
        Column("locale", "Language", "locale", locale_value),
        Column("time_zone", "Time zone", "timeZone", time_zone_value),
    )
}

# Merge fields that every message has, and words that Liquid keeps for itself: no custom field may take one.
RESERVED_KEYS = frozenset(
    name.lower()
    for name in (
        *("email", "firstName", "lastName", "fullName", "company", "locale", "timeZone"),
        *("first_name", "last_name", "full_name", "time_zone", "id", "contact", "lists", "tracking", "attributes"),
        *("unsubscribeUrl", "preferencesUrl", "viewUrl", "sender", "workspace", "campaign", "event", "message"),
        *("and", "or", "not", "contains", "in", "with", "for", "as", "true", "false", "nil", "null", "empty", "blank"),
        *("forloop", "tablerowloop", "tablerow", "block", "if", "unless", "else", "elsif", "case", "when", "assign"),
        *(
            "capture",
            "cycle",
            "increment",
            "decrement",
            "render",
            "include",
            "raw",
            "comment",
            "limit",
            "offset",
            "reversed",
        ),
    )
)

KEY_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}\Z", re.ASCII)
