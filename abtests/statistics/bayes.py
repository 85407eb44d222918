"""What a flat prior says of the arms: how likely each is the best, and what is lost if it is sent and is not.

Only shown, never a gate: "95 % to be the best", looked at after each batch, declares a winner among equal arms in 45 % of tests.
"""

import numpy as np
from scipy.special import betainc, betaln, xlog1py, xlogy

from abtests.statistics.counts import FloatArray, Numbers, as_array, as_counts

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(7)
# Ends of the pieces, in standard deviations from each arm's mean; a skewed posterior has a longer tail.
_STEPS = np.array([-8.5, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.5])
_FAR_STEPS = np.array([-40.0, -20.0, -12.0, *_STEPS, 12.0, 20.0, 40.0])
_SKEWED = 200
# Ends closer than this (in standard deviations of the narrowest arm) are one.
_MERGE = 0.8


def probability_best(successes: Numbers, trials: Numbers) -> tuple[list[float], list[float]]:
    """Return for each arm the probability that its rate is the highest, and the expected loss of sending it.

    The loss is E[highest rate − this arm's rate], in units of the rate.  Beta(1, 1) priors, integrated by quadrature to about 1e-9, not
    drawn: the same counts always give the same answer.  Raises ValueError for counts that don't fit.  Source: Stucchio 2015, "Bayesian
    A/B testing at VWO".
    """
    s, n = as_counts(successes, trials)
    return best_of_betas(1 + s, 1 + n - s)


def best_of_betas(a: Numbers, b: Numbers) -> tuple[list[float], list[float]]:
    """Return what `probability_best` returns, for arms whose rates are Beta(a, b) distributed."""
    alphas, betas = as_array(a, "a")[:, np.newaxis], as_array(b, "b")[:, np.newaxis]
    if len(alphas) == 1:
        return [1.0], [0.0]
    x, weights = _grid(alphas, betas)
    below = betainc(alphas, betas, x)
    density = np.exp(xlogy(alphas - 1, x) + xlog1py(betas - 1, -x) - betaln(alphas, betas))
    others = np.stack([np.delete(below, arm, axis=0).prod(axis=0) for arm in range(len(alphas))])
    best = (density * others) @ weights
    loss = (below * (1 - others)) @ weights
    return (best / best.sum()).tolist(), loss.tolist()


def _grid(alphas: FloatArray, betas: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return points and weights of a Gauss-Legendre rule in pieces that follow the shape of every arm's posterior."""
    total = alphas + betas
    spread = np.sqrt(alphas * betas / (total * total * (total + 1)))
    steps = _FAR_STEPS if min(alphas.min(), betas.min()) < _SKEWED else _STEPS
    ends = np.unique(np.clip((alphas / total + spread * steps).ravel(), 0.0, 1.0))
    apart = _MERGE * float(spread.min())
    kept = [ends[0]]
    for end in ends[1:-1]:
        if end - kept[-1] >= apart:
            kept.append(end)
    edges = np.array([*kept, ends[-1]])
    half = np.diff(edges)[:, np.newaxis] / 2
    x = (edges[:-1, np.newaxis] + half * (1 + _NODES)).ravel()
    return x, (half * _WEIGHTS).ravel()
