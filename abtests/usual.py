"""What a plan starts with until somebody says otherwise."""

from typing import Final

from abtests.models import Metric

# Hours after their own send until a recipient counts: most of who responds at all has done so by then.
NORMAL_WINDOWS: Final[dict[str, int]] = {
    Metric.CLICK: 24,
    Metric.LINK: 24,
    Metric.OPEN: 24,
    Metric.REPLY: 72,
    Metric.CONVERSION: 72,
}
FAST_WINDOWS: Final[dict[str, int]] = {
    Metric.CLICK: 3,
    Metric.LINK: 3,
    Metric.OPEN: 12,
    Metric.REPLY: 24,
    Metric.CONVERSION: 24,
}
# Shares of those sent to, where a workspace has no history of its own.
USUAL_RATES: Final[dict[str, float]] = {
    Metric.CLICK: 0.03,
    Metric.LINK: 0.02,
    Metric.OPEN: 0.3,
    Metric.REPLY: 0.03,
    Metric.CONVERSION: 0.01,
}
# A lead worth having: a fifth more than the base rate.
USUAL_LEAD: Final = 0.2


def usual_lead(base: float) -> float:
    """Return a lead worth planning for at this base rate, to two digits (0.03: 0.006)."""
    return float(f"{min(base * USUAL_LEAD, (1 - base) / 2):.2g}")
