"""Intervals for a rate, for a difference of two rates and for a relative lift."""

import math
from typing import NamedTuple

from scipy.special import ndtri, stdtr, stdtrit

from abtests.statistics.counts import Numbers, as_pair

_Z95 = float(ndtri(0.975))


class Lift(NamedTuple):
    """How much more arm 1 responds than arm 0, as a share of arm 0's rate (0.1 is 10 % more)."""

    estimate: float
    standard_error: float
    low: float
    high: float
    p: float


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """Return the 95 % score interval of a rate; (0, 1) without trials.

    Raises ValueError unless 0 ≤ successes ≤ trials.  Source: Wilson 1927; Newcombe 1998, Stat Med 17:857, method 3.
    """
    if not 0 <= successes <= trials or not math.isfinite(trials):
        raise ValueError(f"{successes} successes of {trials} trials are no rate.")
    if not trials:
        return 0.0, 1.0
    rate, z2 = successes / trials, _Z95 * _Z95
    middle = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = _Z95 / (1 + z2 / trials) * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials * trials))
    low = 0.0 if not successes else max(middle - reach, 0.0)
    high = 1.0 if successes == trials else min(middle + reach, 1.0)
    return low, high


def difference(successes: Numbers, trials: Numbers) -> tuple[float, float]:
    """Return the 95 % interval of arm 0's rate − arm 1's; (−1, 1) if neither has trials.

    Newcombe's hybrid of the two score intervals keeps within −1 … 1 and covers well also for rates near 0.  Raises ValueError unless
    there are two arms.  Source: Newcombe 1998, Stat Med 17:873, method 10.
    """
    s, n = as_pair(successes, trials)
    (low0, high0), (low1, high1) = wilson(s[0], n[0]), wilson(s[1], n[1])
    # Without trials nothing is known: the middle of 0 … 1 stands for the rate.
    p0, p1 = (float(s[i] / n[i]) if n[i] else 0.5 for i in (0, 1))
    gap = p0 - p1
    low, high = gap - math.hypot(p0 - low0, high1 - p1), gap + math.hypot(high0 - p0, p1 - low1)
    return max(low, -1.0), min(high, 1.0)


def wald_error(successes: Numbers, trials: Numbers) -> float:
    """Return the unpooled standard error of arm 0's rate − arm 1's; infinite if an arm has no trials."""
    s, n = as_pair(successes, trials)
    if not n.all():
        return math.inf
    p = s / n
    return math.sqrt(float((p * (1 - p) / n).sum()))


def relative_lift(successes: Numbers, trials: Numbers) -> Lift | None:
    """Return how much more arm 1 responds than arm 0, relative to arm 0, with 95 % limits and two-sided p.

    Delta method with Welch's degrees of freedom.  None if arm 0 has no successes or an arm has fewer than two trials: a share of
    nothing is no number.  Raises ValueError unless there are two arms.  Source: Deng, Knoblich & Lu 2018, KDD, 233; GrowthBook's
    `TwoSidedTTest`.
    """
    s, n = as_pair(successes, trials)
    if not s[0] or (n < 2).any():
        return None
    p = s / n
    variances = p * (1 - p) / n
    estimate = float(p[1] / p[0] - 1)
    error = math.sqrt(float(variances[1] / p[0] ** 2 + variances[0] * p[1] ** 2 / p[0] ** 4))
    if not error:
        return Lift(estimate, 0.0, estimate, estimate, 1.0 if not estimate else 0.0)
    freedom = float(variances.sum() ** 2 / (variances**2 / (n - 1)).sum())
    reach = float(stdtrit(freedom, 0.975)) * error
    return Lift(estimate, error, estimate - reach, estimate + reach, float(2 * stdtr(freedom, -abs(estimate) / error)))
