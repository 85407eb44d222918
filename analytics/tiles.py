"""The big numbers on top of a page, each with its sample."""

from dataclasses import dataclass

from analytics.rates import click_rate, delivery_rate, open_rate, unsubscribe_rate
from delivery.selectors import SendingState, Totals
from frontend.templatetags.formats import duration, number, percent


@dataclass(frozen=True, slots=True)
class Tile:
    """One number: `note` is what it is a share of, `delta` how it moved, `good` whether that pleases."""

    label: str
    value: str
    note: str
    icon: str
    delta: str = ""
    good: bool | None = None


def campaign_tiles(totals: Totals) -> list[Tile]:
    """Return the tiles of a report: messages by people's and by all hits, never one passed off as the other."""
    return [
        Tile("Sent", number(totals.accepted), f"of {_recipients(totals.queued)}", "send"),
        Tile(
            "Delivered",
            percent(delivery_rate(totals)),
            f"{number(totals.delivered)} of {number(totals.accepted + totals.failed)} tried",
            "mail-check",
        ),
        Tile("Opened", percent(open_rate(totals)), _people(totals.opened_human, totals.opened_any), "mail-opened"),
        Tile("Clicked", percent(click_rate(totals)), _people(totals.clicked_human, totals.clicked_any), "click"),
        Tile(
            "Unsubscribed", percent(unsubscribe_rate(totals)), f"{number(totals.unsubscribed)} contacts", "user-minus"
        ),
        Tile("Failed", number(totals.failed + totals.bounced), _losses(totals), "alert-triangle"),
    ]


def sending_tiles(state: SendingState) -> list[Tile]:
    """Return the tiles of the page "Sending"."""
    late = round(state.overdue)
    return [
        Tile("Sending now", f"{number(state.per_minute)}/min", "in the last minute, all mailboxes", "mail-fast"),
        Tile("On the wire", number(state.in_flight), "in the hands of a worker", "send"),
        Tile("Waiting", number(state.waiting - state.in_flight), "not sent yet, for every reason", "clock"),
        Tile(
            "Behind",
            duration(late),
            "the oldest message that nothing holds" if late else "nothing free waits longer than it must",
            "gauge",
        ),
    ]


def dashboard_tiles(now: Totals, before: Totals) -> list[Tile]:
    """Return the tiles of the dashboard, compared with the period before where both have data."""
    return [
        Tile(
            "Sent (30 days)",
            number(now.accepted),
            f"{number(before.accepted)} in the 30 days before",
            "send",
            delta=_growth(now.accepted, before.accepted),
        ),
        _rate_tile("Open rate", open_rate(now), open_rate(before), now.opened_human, now.delivered, "mail-opened"),
        _rate_tile("Click rate", click_rate(now), click_rate(before), now.clicked_human, now.delivered, "click"),
        _rate_tile(
            "Unsubscribe rate",
            unsubscribe_rate(now),
            unsubscribe_rate(before),
            now.unsubscribed,
            now.delivered,
            "user-minus",
            more_is_better=False,
        ),
    ]


def _rate_tile(
    label: str,
    rate: float | None,
    before: float | None,
    part: int,
    whole: int,
    icon: str,
    *,
    more_is_better: bool = True,
) -> Tile:
    note = f"{number(part)} of {number(whole)} delivered"
    if rate is None or before is None or round(rate - before, 3) == 0:
        return Tile(label, percent(rate), note, icon)
    points = (rate - before) * 100
    delta = f"{'+' if points > 0 else '−'}{abs(points):.1f} pt"
    return Tile(label, percent(rate), note, icon, delta=delta, good=(points > 0) == more_is_better)


def _growth(now: int, before: int) -> str:
    if not before or now == before:
        return ""
    change = (now - before) / before * 100
    return f"{'+' if change > 0 else '−'}{abs(change):.0f}%"


def _people(human: int, everyone: int) -> str:
    machines = everyone - human
    return f"{number(human)} by people" + (f", {number(machines)} by machines only" if machines else "")


def _recipients(count: int) -> str:
    return f"{number(count)} recipient{'' if count == 1 else 's'}"


def _losses(totals: Totals) -> str:
    parts = [
        (totals.bounced, "bounced"),
        (totals.skipped, "skipped"),
        (totals.unknown, "unknown"),
        (totals.cancelled, "cancelled"),
    ]
    return ", ".join(f"{number(count)} {word}" for count, word in parts if count) or "none skipped"
