"""Intervals that may be looked at at any time and as often as one likes: for screens that show a test while it runs.

An ordinary 95 % interval holds for one look that was fixed beforehand. These hold for all looks together, and are about half as wide
again for it. Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2021, "Time-uniform central limit theory", eq. 9 and 14;
GrowthBook's `SequentialTwoSidedTTest`.
"""

import math
from typing import NamedTuple

from abtests.statistics.counts import Numbers, as_pair


class AlwaysValid(NamedTuple):
    """Arm 1 − arm 0, its limits and p, all valid at every moment of the test."""

    difference: float
    low: float
    high: float
    p: float


def always_valid(
    successes: Numbers, trials: Numbers, *, planned: float, alpha: float = 0.05, relative: bool = False
) -> AlwaysValid | None:
    """Return arm 1's rate − arm 0's with limits that hold at all looks together; None if nothing can be said yet.

    `planned` is the number of trials of both arms together at which the interval is to be the narrowest.  With `relative`, all is a share
    of arm 0's rate.  Raises ValueError unless there are two arms and `planned` is positive.
    """
    s, n = as_pair(successes, trials)
    if planned <= 0:
        raise ValueError("The interval is tuned to a positive number of trials.")
    if not n.all() or (relative and not s[0]):
        return None
    p = s / n
    variances = p * (1 - p) / n
    gap, variance = float(p[1] - p[0]), float(variances.sum())
    if relative:
        gap, variance = gap / p[0], float(variances[1] / p[0] ** 2 + variances[0] * p[1] ** 2 / p[0] ** 4)
    if not variance:
        return None
    tuned = _tuned(float(n.sum()), planned, alpha)
    reach = math.sqrt(variance) * always_valid_boundary(float(n.sum()), planned=planned, alpha=alpha)
    p_value = math.sqrt(tuned + 1) * math.exp(-(gap * gap) / variance * tuned / (2 * (tuned + 1)))
    return AlwaysValid(float(gap), float(gap - reach), float(gap + reach), min(p_value, 1.0))


def always_valid_boundary(trials: float, *, planned: float, alpha: float = 0.05) -> float:
    """Return how many standard errors two arms with `trials` together must differ by; infinite before anybody counts.

    Raises ValueError unless `planned` is positive.
    """
    if planned <= 0:
        raise ValueError("The boundary is tuned to a positive number of trials.")
    if not trials:
        return math.inf
    tuned = _tuned(trials, planned, alpha)
    return math.sqrt(2 * (tuned + 1) / tuned * math.log(math.sqrt(tuned + 1) / alpha))


def _tuned(trials: float, planned: float, alpha: float) -> float:
    """Return n·ρ² of the source, with ρ such that the limits are the narrowest at `planned` trials."""
    evidence = -2 * math.log(alpha)
    return trials / planned * (evidence + math.log(evidence + 1))
