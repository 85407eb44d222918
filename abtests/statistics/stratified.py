"""Comparisons within strata: batches whose shares changed (optimisation), days and time zones (send-time tests).

Adding up batches of different shares mixes the arms with the times at which they went out: an arm that got more of a good hour looks better
than it is (Simpson's paradox). Within a batch the split was random.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from abtests.statistics.counts import FloatArray, Numbers, as_counts

Strata = Sequence[Numbers]


class Estimate(NamedTuple):
    """A rate as it would be if each stratum counted by its size, the same for all arms."""

    rate: float
    standard_error: float


def as_strata(successes: Strata, trials: Strata) -> tuple[FloatArray, FloatArray]:
    """Return counts as arrays of strata × arms.  Raises ValueError if a stratum's lengths differ from another's."""
    if len(successes) != len(trials) or not len(successes):
        raise ValueError(f"{len(successes)} strata of successes don't fit {len(trials)} of trials.")
    pairs = [as_counts(s, n) for s, n in zip(successes, trials, strict=True)]
    if len({s.size for s, _ in pairs}) != 1:
        raise ValueError("Every stratum must have the same arms.")
    return np.stack([s for s, _ in pairs]), np.stack([n for _, n in pairs])


def stratified_rates(successes: Strata, trials: Strata) -> list[Estimate] | None:
    """Return each arm's rate standardised to the strata's sizes; None if there is no stratum that all arms share.

    Strata in which an arm has no recipients say nothing about a difference and are left out for all arms.  The standard error uses
    (s + ½) / (n + 1) for the variance, so that a small stratum without responses does not pass for certain.  Source: Kish 1965,
    "Survey Sampling", ch. 3.
    """
    s, n = as_strata(successes, trials)
    shared = (n > 0).all(axis=1)
    if not shared.any():
        return None
    s, n = s[shared], n[shared]
    shares = (n.sum(axis=1) / n.sum())[:, np.newaxis]
    smoothed = (s + 0.5) / (n + 1)
    variances = (shares**2 * smoothed * (1 - smoothed) / n).sum(axis=0)
    estimates = (shares * s / n).sum(axis=0)
    return [Estimate(float(rate), math.sqrt(float(v))) for rate, v in zip(estimates, variances, strict=True)]


def mantel_haenszel(successes: Strata, trials: Strata, first: int, second: int) -> float:
    """Return z of arm `first` against arm `second` over all strata; 0 if none says anything.

    With one stratum this is the pooled z (up to a factor √(1 − 1/n)).  Source: Mantel & Haenszel 1959, JNCI 22:719, without the
    continuity correction.
    """
    s, n = as_strata(successes, trials)
    s, n = s[:, [first, second]], n[:, [first, second]]
    total, events = n.sum(axis=1), s.sum(axis=1)
    useful = (n > 0).all(axis=1) & (total > 1)
    s, n, total, events = s[useful], n[useful], total[useful], events[useful]
    variance = float((n.prod(axis=1) * events * (total - events) / (total**2 * (total - 1))).sum())
    surplus = float((s[:, 0] - n[:, 0] * events / total).sum())
    return surplus / math.sqrt(variance) if variance else 0.0
