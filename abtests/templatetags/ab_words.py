"""Numbers of tests as people read them."""

from django import template

from abtests import words
from frontend.templatetags.formats import DASH

register = template.Library()


@register.filter
def gap(share: float | None, form: str = "") -> str:
    """Returns 0.021 as ``2.1 points``, or ``bare`` as ``2.1``."""
    text = words.points(share)
    return text.partition(" ")[0] if form == "bare" else text


@register.filter
def chance(share: float | None) -> str:
    """Returns a chance without false precision: ``91%``, ``more than 99.9%``."""
    return DASH if share is None else words.sure(share)


@register.filter
def decimals(value: float | None) -> str:
    """Returns a number with two digits: ``2.04``."""
    return DASH if value is None else f"{value:.2f}"


@register.filter
def p_value(value: float | None) -> str:
    """Returns a p, ``< 0.001`` at the least."""
    return DASH if value is None else words.p_value(value)


@register.filter
def verdict(kind: str) -> str:
    """Returns a verdict's name as people read it."""
    return words.VERDICTS.get(kind, kind)
