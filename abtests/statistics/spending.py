"""How the permitted error is spent over the looks of a test."""

import math
from typing import Final, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from abtests.statistics.counts import FloatArray, Numbers, as_array, as_counts
from abtests.statistics.planning import planned_information

ALPHA: Final = 0.05


class Look(NamedTuple):
    """All looks so far, this one last: the information each had and the error spent up to it."""

    information: tuple[float, ...]
    spent: tuple[float, ...]

    @property
    def is_last(self) -> bool:
        """Whether all of alpha is spent, so that no later look can find a winner: the deadline, or all that was planned for is known."""
        return bool(self.spent) and self.spent[-1] >= ALPHA


def obrien_fleming_spend(t: Numbers | float, alpha: float = ALPHA) -> FloatArray:
    """Return the two-sided error spent up to the information fractions `t` (below 0 counts as 0, above 1 as 1).

    Little at first, nearly all at the end: 4 · [1 − Φ(z_{1−alpha/4} / √t)].  Source: Lan & DeMets 1983, Biometrika 70:659.
    """
    fractions = np.atleast_1d(np.asarray(t, dtype=np.float64))
    if np.isnan(fractions).any() or not 0 < alpha < 1:
        raise ValueError(f"Fractions {t!r} and alpha {alpha!r} must be numbers, alpha between 0 and 1.")
    return np.array([_spend(float(fraction), alpha) for fraction in fractions])


def _spend(t: float, alpha: float = ALPHA) -> float:
    if t >= 1:
        return alpha
    return float(4 * ndtr(ndtri(alpha / 4) / math.sqrt(t))) if t > 0 else 0.0


def pooled_information(successes: Numbers, trials: Numbers) -> float:
    """Return I = 1 / (p̄ q̄ (1/n₁ + 1/n₂)) of the two arms with the highest rates, p̄ being their pooled rate.

    With arms of one size that is n / (2 p̄ q̄), the reciprocal of the variance of the difference that decides. Taking the rate of all arms
    instead would count arms that are far behind, and so spend all error before the top two are known well enough.  0 if nothing is known:
    fewer than two arms with trials, or none or all of the two arms' recipients responded.
    """
    s, n = as_counts(successes, trials)
    s, n = s[n > 0], n[n > 0]
    top = np.argsort(s / n)[-2:]
    if top.size < 2:
        return 0.0
    n1, n2 = n[top].tolist()
    pooled = float(s[top].sum()) / (n1 + n2)
    return 1 / (pooled * (1 - pooled) * (1 / n1 + 1 / n2)) if 0 < pooled < 1 else 0.0


def next_look(
    successes: Numbers, trials: Numbers, *, lead: float, earlier: Look | None = None, final: bool = False
) -> Look:
    """Return the looks so far with one more at these counts: what `decide` wants as `information` and `spent`.

    Error is spent by information, not by count or time, so looks may come when they like as long as nobody chooses their moment by the
    results.  Information never shrinks: a rate that is judged anew can't give back what was spent.  At the `final` look all of alpha is
    spent.  Source: Lan & DeMets 1983.
    """
    arms = as_array(trials, "trials").size
    before = earlier or Look((), ())
    information = max(pooled_information(successes, trials), *before.information[-1:], 0.0)
    spent = ALPHA if final else _spend(information / planned_information(max(arms, 2), lead))
    return Look((*before.information, information), (*before.spent, max(spent, *before.spent[-1:], 0.0)))


def equal_looks(looks: int) -> Look:
    """Return `looks` looks at equal steps of information: the plan a test is sized by, before it has numbers of its own."""
    if looks < 1:
        raise ValueError("A test has at least one look.")
    fractions = [look / looks for look in range(1, looks + 1)]
    return Look(tuple(fractions), tuple(_spend(t) for t in fractions))
