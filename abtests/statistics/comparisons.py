"""Tests of proportions against each other.

Closed forms on `scipy.special`, as `scipy.stats` and `statsmodels` would take every process 40 to 80 MB further; the tests compare
them with `proportions_ztest`, `proportions_chisquare` and `fisher_exact`.
"""

import math

import numpy as np
from scipy.special import chdtrc, gammaln, ndtr

from abtests.statistics.counts import FloatArray, Numbers, as_counts, as_pair, rates

# Beyond this many standard deviations from its middle the hypergeometric distribution is less than any float.
_REACH = 40
# Tables as likely as the one observed count as extreme, whatever the last digits say (as R's fisher.test does).
_TIE = 1 + 1e-7


def pooled_z(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Return z of the first arm's rate against the second's, each (successes, trials); 0 where nothing can be compared."""
    (s1, n1), (s2, n2) = first, second
    if not n1 or not n2:
        return 0.0
    pooled = (s1 + s2) / (n1 + n2)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    return (s1 / n1 - s2 / n2) / error if error else 0.0


def two_sample(successes: Numbers, trials: Numbers) -> tuple[float, float]:
    """Return z and two-sided p of arm 0 against arm 1 with a pooled standard error.

    z is 0 and p is 1 if nobody or everybody responded, or if an arm has no trials.  Raises ValueError unless there are two arms.
    """
    s, n = as_pair(successes, trials)
    z = pooled_z((float(s[0]), float(n[0])), (float(s[1]), float(n[1])))
    return z, two_sided(z)


def two_sided(z: float) -> float:
    """Return the probability of a standard normal value at least as far from 0 as z."""
    return float(2 * ndtr(-abs(z)))


def omnibus(successes: Numbers, trials: Numbers) -> tuple[float, float]:
    """Return Pearson's chi-square and p of "all arms have one rate" (k − 1 degrees of freedom).

    Arms without trials don't count; without two arms, or if all or none responded, chi-square is 0 and p is 1.
    """
    s, n = as_counts(successes, trials)
    s, n = s[n > 0], n[n > 0]
    pooled = float(s.sum() / n.sum()) if n.size else 0.0
    if n.size < 2 or not 0 < pooled < 1:
        return 0.0, 1.0
    chi_square = float((n * (rates(s, n) - pooled) ** 2).sum() / (pooled * (1 - pooled)))
    return chi_square, float(chdtrc(n.size - 1, chi_square))


def _hypergeometric(events: float, n1: float, n2: float) -> tuple[FloatArray, FloatArray]:
    """Return the possible events of arm 1 given the events of both, and their probabilities."""
    total = n1 + n2
    low, high = max(0.0, events - n2), min(events, n1)
    middle = events * n1 / total
    spread = math.sqrt(middle * (n2 / total) * ((total - events) / max(total - 1, 1)))
    low = max(low, math.floor(middle - _REACH * (spread + 1)))
    high = min(high, math.ceil(middle + _REACH * (spread + 1)))
    x = np.arange(low, high + 1)
    logs = -gammaln(x + 1) - gammaln(n1 - x + 1) - gammaln(events - x + 1) - gammaln(n2 - events + x + 1)
    likelihood = np.exp(logs - logs.max())
    return x, likelihood / likelihood.sum()


def fisher(successes: Numbers, trials: Numbers) -> float:
    """Return Fisher's exact two-sided p of two arms; counts must be whole.  Source: Fisher 1935."""
    s, n = as_pair(successes, trials)
    x, probability = _hypergeometric(float(s.sum()), float(n[0]), float(n[1]))
    observed = probability[x == s[0]]
    return float(min(probability[probability <= observed[0] * _TIE].sum(), 1.0)) if observed.size else 0.0


def fisher_greater(successes: Numbers, trials: Numbers) -> float:
    """Return Fisher's exact one-sided p of "arm 0 has the higher rate"; counts must be whole."""
    s, n = as_pair(successes, trials)
    x, probability = _hypergeometric(float(s.sum()), float(n[0]), float(n[1]))
    return float(min(probability[x >= s[0]].sum(), 1.0))
