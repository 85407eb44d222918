"""Dates and numbers as people of a locale write them (Unicode CLDR, by Babel)."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal, format_percent

from core import clock

FALLBACK = Locale("en")
STYLES = frozenset({"short", "medium", "long", "full"})

_DIRECTIVE = re.compile(r"%(-?)([A-Za-z%])")
# strftime's directives in CLDR's pattern language; month and day names are then the locale's own.
_CLDR = {
    "a": "EEE", "A": "EEEE", "b": "MMM", "h": "MMM", "B": "MMMM", "d": "dd", "e": "d", "m": "MM", "y": "yy", "Y": "yyyy",
    "H": "HH", "I": "hh", "k": "H", "l": "h", "M": "mm", "S": "ss", "p": "a", "P": "a", "j": "DDD", "Z": "zzz", "z": "xx",
    "F": "yyyy-MM-dd", "T": "HH:mm:ss", "R": "HH:mm", "D": "MM/dd/yy",
}  # fmt: skip
_UNPADDED = {"d": "d", "m": "M", "H": "H", "I": "h", "M": "m", "S": "s", "j": "D", "y": "y"}
_BY_STYLE: dict[str, tuple[Callable[..., str], str]] = {
    "x": (format_date, "short"),
    "X": (format_time, "medium"),
    "c": (format_datetime, "medium"),
}


@lru_cache(maxsize=512)
def find_locale(code: str) -> Locale:
    """Return the locale of a code such as "pt-BR", falling back to its language, then to English."""
    language = code.replace("-", "_")
    while language:
        try:
            return Locale.parse(language)
        except (ValueError, UnknownLocaleError):
            language = language.rpartition("_")[0]
    return FALLBACK


@lru_cache(maxsize=512)
def find_zone(name: str) -> tzinfo:
    """Return the time zone of that IANA name; UTC when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def read_moment(value: object, zone: tzinfo) -> datetime | date | None:
    """Return the date or moment that a JSON value stands for; None when it stands for none.

    Takes ISO 8601 dates and times, seconds since 1970, "now" and "today".  Moments are turned into `zone`; one
    without an offset is taken to be there already.
    """
    if isinstance(value, str):
        return _read_text(value.strip(), zone)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, zone)
        except (ValueError, OverflowError, OSError):
            return None
    return None


def _read_text(text: str, zone: tzinfo) -> datetime | date | None:
    if text == "now":
        return clock.now().astimezone(zone)
    if text == "today":
        return clock.now().astimezone(zone).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return read_moment(int(text), zone) if text.isascii() and text.isdigit() and len(text) > 8 else None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


def write_moment(moment: datetime | date, pattern: str, locale: Locale) -> str:
    """Return a date or moment as text; `pattern` is a style (short to full), strftime's or CLDR's language."""
    if pattern in STYLES:
        if isinstance(moment, datetime):
            return format_datetime(moment, pattern, tzinfo=moment.tzinfo, locale=locale)
        return format_date(moment, pattern, locale=locale)
    full = moment if isinstance(moment, datetime) else datetime.combine(moment, time(), UTC)
    if pattern == "time":
        return format_time(full, "short", tzinfo=full.tzinfo, locale=locale)
    if "%" not in pattern:
        return format_datetime(full, pattern, tzinfo=full.tzinfo, locale=locale)
    return _DIRECTIVE.sub(lambda match: _directive(match, full, locale), pattern)


def _directive(match: re.Match[str], moment: datetime, locale: Locale) -> str:
    unpadded, letter = match.groups()
    if letter == "%":
        return "%"
    if letter == "s":
        return str(int(moment.timestamp()))
    if letter in _BY_STYLE:
        writer, style = _BY_STYLE[letter]
        return writer(moment, style, locale=locale)
    pattern = _UNPADDED.get(letter) if unpadded else None
    pattern = pattern or _CLDR.get(letter)
    return format_datetime(moment, pattern, tzinfo=moment.tzinfo, locale=locale) if pattern else match.group()


def read_number(value: object) -> Decimal | None:
    """Return a JSON number, or a text that holds one, as a decimal; None when it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 40 else None


def write_number(number: Decimal, locale: Locale, decimals: int | None = None) -> str:
    """Return a number with the locale's separators; `decimals` fixes its decimal places."""
    if decimals is None:
        return format_decimal(number, locale=locale)
    return format_decimal(number, "#,##0" + ("." + "0" * decimals if decimals else ""), locale=locale)


def write_percent(number: Decimal, locale: Locale, decimals: int = 0) -> str:
    """Return a share (0.25) as a percentage (25%)."""
    quantum = Decimal(1).scaleb(-decimals - 2)
    return format_percent(number.quantize(quantum), locale=locale, decimal_quantization=False)


def write_money(number: Decimal, currency: str, locale: Locale) -> str:
    """Return an amount of a currency (ISO 4217 code)."""
    return format_currency(number, currency, locale=locale)
