"""The rates that people compare: always of people, always of what was delivered."""

from delivery.selectors import Totals


def share(part: int, whole: int) -> float | None:
    """Return part ÷ whole, or None where there is nothing to divide by: no data is not zero."""
    return part / whole if whole > 0 else None


def delivery_rate(totals: Totals) -> float | None:
    """Delivered of all that a server answered for good."""
    return share(totals.delivered, totals.accepted + totals.failed)


def open_rate(totals: Totals) -> float | None:
    """Messages opened by people (image proxies included) of those delivered."""
    return share(totals.opened_human, totals.delivered)


def click_rate(totals: Totals) -> float | None:
    """Messages in which a person clicked of those delivered."""
    return share(totals.clicked_human, totals.delivered)


def unsubscribe_rate(totals: Totals) -> float | None:
    """Messages that led to an unsubscription of those delivered."""
    return share(totals.unsubscribed, totals.delivered)
