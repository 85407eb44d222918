"""What the plan of a test is made of.  The plan itself, which needs no numpy, is in `abtests.plans`."""

from functools import lru_cache
from typing import NamedTuple

from scipy.optimize import brentq
from scipy.special import ndtri

from abtests.plans import Plan, Promise, plan
from abtests.statistics.looks import winning_chances
from abtests.statistics.spending import ALPHA, equal_looks

__all__ = ["Plan", "Promise", "SequentialCost", "plan", "sequential_cost"]


class SequentialCost(NamedTuple):
    """What looking after each batch costs at most, and how much of that a test needs on average if the lead is real."""

    inflation: float
    expected_share: float


@lru_cache(maxsize=64)
def sequential_cost(looks: int, power: float = 0.95) -> SequentialCost:
    """Return the largest sample (in samples of a test with one look) and the expected share of it at the planned lead, for two arms.

    Raises ValueError for no looks.  Source: Jennison & Turnbull 2000, ch. 3 and 7.
    """
    look = equal_looks(looks)
    single = float(ndtri(1 - ALPHA / 2) + ndtri(power))
    drift = float(brentq(lambda at: sum(winning_chances(look.information, look.spent, at)) - power, 0.0, 3 * single))
    chances = winning_chances(look.information, look.spent, drift)
    share = sum(t * chance for t, chance in zip(look.sizes, chances, strict=True)) + 1 - sum(chances)
    return SequentialCost((drift / single) ** 2, share)
