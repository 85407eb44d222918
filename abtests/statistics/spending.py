"""How the permitted error is spent over the looks of a test."""

import math
from typing import Final, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from abtests.limits import FEWEST_EVENTS
from abtests.statistics.counts import FloatArray, Numbers, as_counts, rates
from abtests.statistics.planning import planned_information

ALPHA: Final = 0.05


class Look(NamedTuple):
    """All looks so far, this one last."""

    # Recipients an arm (the harmonic mean of the top two arms), and the error spent, up to each look.
    sizes: tuple[float, ...] = ()
    spent: tuple[float, ...] = ()
    # p̄ q̄ of the top two arms at this look.
    variance: float = 0.25

    @property
    def information(self) -> tuple[float, ...]:
        """I = n / (2 p̄ q̄) of each look, all by the rate as it is known now, so that their ratios are those of the sizes."""
        return tuple(size / (2 * self.variance) for size in self.sizes)

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


def next_look(
    successes: Numbers, trials: Numbers, *, lead: float, earlier: Look | None = None, final: bool = False
) -> Look:
    """Return the looks so far with one more at these counts: its `information` and `spent` are what `decide` wants.

    Error is spent by information, not by count or time, so looks may come when they like as long as nobody chooses their moment by the
    results; what was spent stays spent.  Information is that of the two arms with the highest rates, whose difference decides: arms far
    behind would make it look larger than it is.  With fewer than 20 responses in these two nobody can win, and nothing is spent.  At the
    `final` look all of alpha is.  Source: Lan & DeMets 1983.
    """
    s, n = as_counts(successes, trials)
    before = earlier or Look()
    top = np.argsort(rates(s, n))[-2:]
    responses, recipients = float(s[top].sum()), float(n[top].sum())
    pooled = responses / recipients if recipients else 0.0
    size = 2 / float((1 / n[top]).sum()) if n[top].all() else 0.0
    variance = pooled * (1 - pooled) or before.variance
    t = size / (2 * variance) / planned_information(max(n.size, 2), lead)
    somebody_may_win = responses >= FEWEST_EVENTS and pooled < 1
    spent = ALPHA if final else _spend(t) if somebody_may_win else 0.0
    return Look(
        sizes=(*before.sizes, max(size, *before.sizes[-1:], 0.0)),
        spent=(*before.spent, max(spent, *before.spent[-1:], 0.0)),
        variance=variance,
    )


def equal_looks(looks: int) -> Look:
    """Return `looks` looks at equal steps of information: the plan a test is sized by, before it has numbers of its own."""
    if looks < 1:
        raise ValueError("A test has at least one look.")
    fractions = [look / looks for look in range(1, looks + 1)]
    return Look(tuple(fractions), tuple(_spend(t) for t in fractions), variance=0.5)
