"""Boundaries of a group-sequential test: how far z must go at each look for the error to stay what was spent.

The score S = Z·√I grows by independent normal steps from look to look, so that its density inside the boundaries follows from look to look
by an integral, taken here by Gauss-Legendre. Source: Armitage, McPherson & Rowe 1969, JRSS A 132:235; Jennison & Turnbull 2000, "Group
Sequential Methods", ch. 19. Compared with the published tables of gsDesign and ldbounds in the tests.
"""

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from abtests.statistics.counts import FloatArray, Numbers, as_array

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
# z further out than this has no probability that a float can hold.
_REACH: Final = 9.0
# A look that adds less information than this share is taken as one that adds so much: the rule below can't see finer steps.
_LEAST_STEP: Final = 0.005
# A look with less of the information than this knows nothing.
_NOTHING: Final = 1e-9


class _Inside(NamedTuple):
    """A look: its boundary, and where the score may be that has not crossed, folded to positive values as all is symmetric."""

    boundary: float
    information: float
    scores: FloatArray
    masses: FloatArray


def boundaries(information: Numbers, spent: Numbers) -> FloatArray:
    """Return z of the boundary at each look, for a two-sided test that has spent `spent` of error up to each look.

    `information` and `spent` have an entry a look, in their order, in any unit of information; both may rest but not fall (a value that
    does counts as the one before).  A look at which nothing is spent, or nothing is known yet, has an infinite boundary.  Raises ValueError
    for lengths that differ, negative numbers and errors above 1.
    """
    amounts, errors = _history(information, spent)
    known = _looks(amounts, errors)
    return np.array([*[math.inf] * (amounts.size - len(known)), *(look.boundary for look in known)])


def last_boundary(information: Numbers, spent: Numbers) -> float:
    """Return the boundary of the last look alone."""
    return float(boundaries(information, spent)[-1])


def winning_chances(information: Numbers, spent: Numbers, drift: float) -> list[float]:
    """Return the chance at each look that the test ends there at the upper boundary, if E[Z] at information 1 is `drift`.

    Tilts the density of the null hypothesis by its likelihood ratio exp(drift·S − drift²·I/2), so the same integral serves.
    """
    amounts, errors = _history(information, spent)
    known = _looks(amounts, errors)
    chances, before = [0.0] * (amounts.size - len(known)), None
    # The looks are in units of the first one's information.
    drift *= math.sqrt(float(amounts[-len(known)])) if known else 0.0
    for here in known:
        reach = here.boundary * math.sqrt(here.information)
        if before is None:
            chance = float(ndtr(drift * math.sqrt(here.information) - here.boundary))
        else:
            step = here.information - before.information
            tilt = drift * drift * before.information / 2
            chance = 0.0
            for scores in (before.scores, -before.scores):
                likelihood = np.exp(drift * scores - tilt) * before.masses / 2
                chance += float(likelihood @ ndtr((scores + drift * step - reach) / math.sqrt(step)))
        chances.append(chance)
        before = here
    return chances


def _history(information: Numbers, spent: Numbers) -> tuple[FloatArray, FloatArray]:
    amounts, errors = as_array(information, "information"), as_array(spent, "spent")
    if amounts.size != errors.size:
        raise ValueError(f"{amounts.size} values of information don't fit {errors.size} of error spent.")
    if (errors > 1).any():
        raise ValueError(f"The error spent lies between 0 and 1: {spent!r}.")
    return np.maximum.accumulate(amounts), np.maximum.accumulate(errors)


def _looks(amounts: FloatArray, errors: FloatArray) -> list[_Inside]:
    """Return the looks that know something, in units of the first one's information, so that one that was seen before is found again."""
    known = amounts > _NOTHING * float(amounts[-1])
    if not known.any():
        return []
    units = tuple((amounts[known] / amounts[known][0]).tolist())
    spent = tuple(errors[known].tolist())
    return [_look(units[:look], spent[:look]) for look in range(1, len(units) + 1)]


@lru_cache(maxsize=2048)
def _look(information: tuple[float, ...], spent: tuple[float, ...]) -> _Inside:
    """Return the last of these looks.  Cached, as each look asks for all that came before."""
    if len(information) > 1:
        return _next(_look(information[:-1], spent[:-1]), information[-1], spent[-1] - spent[-2], spent[-1])
    amount = information[0]
    boundary = float(-ndtri(spent[0] / 2)) if spent[0] else math.inf
    scores, weights = _rule(boundary, amount)
    return _Inside(boundary, amount, scores, weights * 2 * _normal(scores, amount))


def _next(before: _Inside, information: float, error: float, spent: float) -> _Inside:
    amount = max(information, before.information * (1 + _LEAST_STEP))
    step = amount - before.information
    boundary = _crossed_by(before, amount, error, spent) if error > 0 else math.inf
    scores, weights = _rule(boundary, amount)
    new, old = scores[:, np.newaxis], before.scores
    density = (_normal(new - old, step) + _normal(new + old, step)) @ before.masses
    return _Inside(boundary, amount, scores, weights * density)


def _crossed_by(before: _Inside, amount: float, error: float, spent: float) -> float:
    """Return the boundary that a test which has not ended before crosses now with probability `error`.

    It lies between the points that a single look would cross with all that was spent so far, and with `error` alone.
    """
    root, spread = math.sqrt(amount), math.sqrt(amount - before.information)
    starts = np.concatenate([before.scores, -before.scores]) / spread
    masses = np.concatenate([before.masses, before.masses])

    def excess(boundary: float) -> float:
        return float(masses @ ndtr(starts - boundary * root / spread)) - error

    lowest, highest = float(-ndtri(spent / 2)), float(-ndtri(error / 2))
    if excess(lowest) <= 0:
        return lowest
    # Errors so small that the integral doesn't see them.
    if excess(highest) >= 0:
        return highest
    return float(brentq(excess, lowest, highest, xtol=1e-10))


def _rule(boundary: float, amount: float) -> tuple[FloatArray, FloatArray]:
    """Return points and weights of a Gauss-Legendre rule over the scores from 0 to the boundary."""
    half = min(boundary, _REACH) * math.sqrt(amount) / 2
    return half * (1 + _NODES), half * _WEIGHTS


def _normal(scores: FloatArray, variance: float) -> FloatArray:
    density: FloatArray = np.exp(scores * scores * (-0.5 / variance)) * (1 / math.sqrt(2 * math.pi * variance))
    return density
