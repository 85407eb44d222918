"""The filters of a template: python-liquid's, kept in bounds, and our own."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from babel import Locale
from liquid import Markup
from liquid.context import RenderContext
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context
from liquid.undefined import is_undefined

from templates_lib.rendering import locales

MAX_TEXT = 1_000_000
MAX_ITEMS = 10_000
MAX_UNIQUE_ITEMS = 1_000
MAX_NUMBER = 10**30

Filter = Callable[..., Any]


def bounded(filter_: Filter, size_of: Callable[..., int] | None = None) -> Filter:
    """Return a filter that refuses long lists and huge numbers, and what would make a text over MAX_TEXT characters.

    `size_of` estimates the length of the result before it is made, for filters that multiply.
    """

    @wraps(filter_)
    def guard(value: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, list | tuple | range) and len(value) > MAX_ITEMS:
            raise FilterArgumentError(f"the list has more than {MAX_ITEMS} items", token=None)
        if size_of is not None and size_of(value, *args) > MAX_TEXT:
            raise FilterArgumentError("the result would be too long", token=None)
        result = filter_(value, *args, **kwargs)
        if isinstance(result, int) and not isinstance(result, bool) and abs(result) > MAX_NUMBER:
            raise FilterArgumentError("the number is too large", token=None)
        return result

    return guard


def size_appended(value: object, addition: object = "", *_: object) -> int:
    """The length after append and prepend."""
    return len(str(value)) + len(str(addition))


def size_replaced(value: object, old: object = "", new: object = "", *_: object) -> int:
    """The length after replace: the old text may occur as often as there are characters."""
    text, before, after = str(value), str(old), str(new)
    count = text.count(before) if before else len(text) + 1
    return len(text) + count * max(len(after) - len(before), 0)


def size_joined(value: object, separator: object = " ", *_: object) -> int:
    """The length after join."""
    if not isinstance(value, list | tuple):
        return 0
    return sum(len(str(item)) for item in value) + len(value) * len(str(separator))


def size_split(value: object, *_: object) -> int:
    """The size of a list of pieces, weighed against MAX_TEXT so that a list stays under 50,000 items."""
    return len(str(value)) * 20


def unique(filter_: Filter) -> Filter:
    """Return `uniq`, which compares each with each, for short lists only."""

    @wraps(filter_)
    def guard(value: Any, *args: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) > MAX_UNIQUE_ITEMS:
            raise FilterArgumentError(f"the list has more than {MAX_UNIQUE_ITEMS} items", token=None)
        return filter_(value, *args)

    return guard


@with_context
def raw(value: object, *, context: RenderContext) -> object:
    """Write a value into HTML without escaping it: the author's explicit choice."""
    return Markup("" if value is None else str(value)) if context.autoescape else value


def unchanged(value: object) -> object:
    """Stand for filters that write HTML where plain text is made from it."""
    return value


def strip_html(value: object) -> str:
    """Return a text without its HTML tags."""
    return str(Markup("" if value is None else str(value)).striptags())


@with_context
def date(value: object, pattern: object = "medium", *, context: RenderContext) -> object:
    """Write a date or moment in the recipient's locale and time zone."""
    if value is None or is_undefined(value) or is_undefined(pattern):
        return ""
    moment = locales.read_moment(value, locales.find_zone(_setting(context, "timeZone", "UTC")))
    return value if moment is None else locales.write_moment(moment, str(pattern)[:100], _locale(context))


@with_context
def number(value: object, decimals: object = None, *, context: RenderContext) -> object:
    """Write a number in the recipient's locale: {{ 12480.5 | number: 2 }}."""
    found = locales.read_number(value)
    if found is None:
        return value
    return locales.write_number(found, _locale(context), None if decimals is None else _decimals(decimals))


@with_context
def percent(value: object, decimals: object = 0, *, context: RenderContext) -> object:
    """Write a share as a percentage: {{ 0.25 | percent }}."""
    found = locales.read_number(value)
    return value if found is None else locales.write_percent(found, _locale(context), _decimals(decimals))


@with_context
def money(value: object, currency: object = "EUR", *, context: RenderContext) -> object:
    """Write an amount of money: {{ 9.5 | money: "USD" }}."""
    found = locales.read_number(value)
    code = str(currency).strip().upper()
    if len(code) != 3 or not code.isalpha():
        raise FilterArgumentError(f"“{code[:20]}” is not a currency code such as EUR", token=None)
    return value if found is None else locales.write_money(found, code, _locale(context))


def _locale(context: RenderContext) -> Locale:
    return locales.find_locale(_setting(context, "locale", "en"))


def _setting(context: RenderContext, name: str, fallback: str) -> str:
    """Return the recipient's locale or time zone, else the workspace's."""
    workspace = context.globals.get("workspace")
    shared = workspace.get(name) if isinstance(workspace, dict) else None
    return str(context.globals.get(name) or shared or fallback)


def _decimals(value: object) -> int:
    found = locales.read_number(value)
    if found is None or not 0 <= found <= 10:
        raise FilterArgumentError("decimal places are a number from 0 to 10", token=None)
    return int(found)
