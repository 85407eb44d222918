"""Checks of values that people type."""

import re
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError

_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@cache
def time_zone_names() -> tuple[str, ...]:
    """Return the names of the IANA zones that people choose from, sorted, UTC first."""
    places = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return ("UTC", *places)


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless it is the name of an IANA time zone."""
    if name not in available_timezones():
        raise ValidationError("This is not the name of a time zone, as in Europe/Lisbon.")


def validate_locale(tag: str) -> None:
    """Raise ValidationError unless it has the shape of a language tag (RFC 5646)."""
    if not _LOCALE.fullmatch(tag):
        raise ValidationError("This is not a language tag, as in en or pt-BR.")
