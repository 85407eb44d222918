"""Intervals for screens, in closed forms: what `abtests.statistics` says of the same counts, without numpy, which costs a process 70 MB.

Once a test is over, an ordinary 95 % interval is right. While it runs, whoever watches looks as often as they like, so the intervals are wider
and hold for all looks together (decision 38).
"""

import math
from statistics import NormalDist
from typing import Final, NamedTuple

Z95: Final = NormalDist().inv_cdf(0.975)
_ALPHA: Final = 0.05


class Interval(NamedTuple):
    """Where a rate or a difference of rates lies, with 95 %."""

    low: float
    high: float


def wilson(successes: int, trials: int, z: float = Z95) -> Interval:
    """Return the score interval of a rate, (0, 1) without trials.  Source: Wilson 1927."""
    if not trials or math.isinf(z):
        return Interval(0.0, 1.0)
    rate, z2 = successes / trials, z * z
    middle = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = z / (1 + z2 / trials) * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials * trials))
    low = 0.0 if not successes else max(middle - reach, 0.0)
    high = 1.0 if successes == trials else min(middle + reach, 1.0)
    return Interval(low, high)


def newcombe(first: tuple[int, int], second: tuple[int, int], z: float = Z95) -> Interval:
    """Return the interval of the first's rate − the second's, each (successes, trials); (−1, 1) if neither has trials.

    Source: Newcombe 1998, Stat Med 17:873, method 10.
    """
    if math.isinf(z):
        return Interval(-1.0, 1.0)
    (low1, high1), (low2, high2) = wilson(*first, z), wilson(*second, z)
    p1, p2 = (s / n if n else 0.5 for s, n in (first, second))
    gap = p1 - p2
    low, high = gap - math.hypot(p1 - low1, high2 - p2), gap + math.hypot(high1 - p1, p2 - low2)
    return Interval(max(low, -1.0), min(high, 1.0))


def watched_z(trials: int, planned: int) -> float:
    """Return by how many standard errors an interval must reach to hold at every moment of a test; infinite before it begins.

    `planned` are the trials at which it is to be the narrowest.  Source: Waudby-Smith et al. 2021, "Time-uniform central limit theory",
    eq. 9 and 14, as in `abtests.statistics.always_valid`.
    """
    if not trials:
        return math.inf
    evidence = -2 * math.log(_ALPHA)
    tuned = trials / max(planned, 1) * (evidence + math.log(evidence + 1))
    return math.sqrt(2 * (tuned + 1) / tuned * math.log(math.sqrt(tuned + 1) / _ALPHA))
