"""Numbers and times as people read them. Numbers never lie: "—" where there is no data, totals beside what people did."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

DASH = "—"
type Number = int | float | Decimal


@register.filter
def number(value: Number | None) -> str:
    """Returns 12480 as ``12,480``; ``—`` for None."""
    if value is None or value == "":
        return DASH
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


@register.filter
def compact(value: Number | None) -> str:
    """Returns 12480 as ``12.5k`` and 3100000 as ``3.1M``, for narrow places; ``—`` for None."""
    if value is None or value == "":
        return DASH
    amount = float(value)
    for least, size, unit in ((1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(amount) >= least:
            return f"{amount / size:.1f}".removesuffix(".0") + unit
    return number(value)


@register.filter
def percent(fraction: Number | None, places: int = 1) -> str:
    """Returns 0.4821 as ``48.2%``; ``—`` for None."""
    return DASH if fraction is None or fraction == "" else f"{float(fraction) * 100:.{places}f}%"


@register.filter
def points(fraction: Number | None) -> str:
    """Returns a difference of two rates: 0.006 as ``0.6 points``, 0.01 as ``1 point``; ``—`` for None."""
    if fraction is None or fraction == "":
        return DASH
    amount = f"{float(fraction) * 100:.2f}".rstrip("0").rstrip(".")
    return f"{amount} {'point' if amount == '1' else 'points'}"


@register.simple_tag
def rate(part: int | None, whole: int | None, places: int = 1) -> SafeString:
    """Returns a share with its sample in the tooltip; ``—`` where there is nobody to take a share of."""
    if not whole or part is None:
        return format_html('<span class="text-secondary" title="No data yet">{}</span>', DASH)
    return format_html('<span title="{} of {}">{}</span>', number(part), number(whole), percent(part / whole, places))


@register.simple_tag
def human_total(human: int | None, total: int | None) -> SafeString:
    """Returns what people did, and small beside it the total with machines where that differs."""
    if human is None:
        return format_html('<span class="text-secondary" title="No data yet">{}</span>', DASH)
    if total is None or total == human:
        return format_html("{}", number(human))
    return format_html(
        '{} <small class="text-secondary text-nowrap" title="{} in total, {} of them by machines">of {}</small>',
        number(human),
        number(total),
        number(total - human),
        number(total),
    )


@register.filter
def duration(value: Number | timedelta | None) -> str:
    """Returns seconds or a timedelta by its two largest units: ``2 d 3 h``, ``4 min 10 s``, ``0 s``; ``—`` for None."""
    if value is None or value == "":
        return DASH
    seconds = round(value.total_seconds() if isinstance(value, timedelta) else float(value))
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


@register.filter
def dash(value: Any) -> Any:
    """Returns the value, or ``—`` where there is none."""
    return DASH if value is None or value == "" else value


@register.simple_tag
def when(moment: datetime | date | None, style: str = "relative") -> SafeString:
    """Returns a ``<time>`` in the active zone: ``style`` is relative, absolute or date. ``—`` for None.

    The server always writes the absolute time; the browser turns it into "3 minutes ago" and keeps that fresh, so a
    cached fragment never goes stale. The tooltip is the absolute time with its zone.
    """
    if moment is None or moment == "":
        return mark_safe(f'<span class="text-secondary">{DASH}</span>')  # noqa: S308  (a constant)
    if not isinstance(moment, datetime):
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), date_format(moment, "j M Y"))
    local = timezone.localtime(moment)
    text = date_format(local, "j M Y" if style == "date" else "j M Y, H:i")
    return format_html(
        '<time datetime="{}" title="{} {}"{}>{}</time>',
        moment.astimezone(UTC).isoformat(timespec="seconds"),
        date_format(local, "D j M Y, H:i:s"),
        local.tzname() or "",
        mark_safe(" data-relative") if style == "relative" else "",
        text,
    )
