"""How many recipients a test needs, and what a given number can prove or suggest.

Two sizes: with `select_size` the arm that leads is the best with 95 %; with `confirm_size` the best arm is also declared the winner with
95 %, at 5 % false winners. Sources: Bechhofer 1954, Ann Math Stat 25:16; Hung & Fithian 2019, Biometrika 106:337 (the leader against the
runner-up, unadjusted, is a valid test that the leader is the best).
"""

import math
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtr, gammaln, ndtr, ndtri, xlog1py, xlogy

from abtests.limits import SEQUENTIAL_INFLATION

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(64)


def _check(arms: int, base: float, lead: float) -> None:
    if arms < 2:
        raise ValueError(f"A test has at least two arms, not {arms}.")
    if not (0 < base < 1 and lead > 0 and base + lead < 1):
        raise ValueError(f"A base rate of {base} and a lead of {lead} must be above 0 and together below 1.")


@lru_cache(maxsize=128)
def critical_point(arms: int, p_select: float = 0.95) -> float:
    """Return d_k: the best of k arms leads in the sample with probability `p_select` if its z exceeds every other's by d_k on average.

    The one-sided Dunnett/Bechhofer point of k − 1 normal variables with correlation ½.  Raises ValueError for fewer than two arms and
    for a probability that guessing would reach.
    """
    if arms < 2 or not 1 / arms < p_select < 1:
        raise ValueError(f"No point for {arms} arms and a probability of {p_select}.")
    weights = _WEIGHTS / _WEIGHTS.sum()

    def excess(d: float) -> float:
        return float(weights @ ndtr(_NODES + d * math.sqrt(2)) ** (arms - 1)) - p_select

    return float(brentq(excess, 0.0, 40.0, xtol=1e-12))


def _variance(base: float, lead: float) -> float:
    """Return the variance of the difference of two arms' rates, times their size."""
    best = base + lead
    return best * (1 - best) + base * (1 - base)


def select_size(arms: int, base: float, lead: float, p_select: float = 0.95) -> int:
    """Return the recipients an arm needs for the leader to be the best with `p_select`, if the best leads by `lead`.

    `base` and `lead` are shares of those sent to (0.2 and 0.02: 22 % against 20 %).  Raises ValueError for rates outside 0 … 1.
    """
    _check(arms, base, lead)
    return math.ceil(_variance(base, lead) * critical_point(arms, p_select) ** 2 / lead**2)


def confirm_size(
    arms: int, base: float, lead: float, alpha: float = 0.05, p_select: float = 0.95, inflation: float = 1.0
) -> int:
    """Return the recipients an arm needs for the best to be declared the winner with `p_select`, at `alpha` (two-sided) false winners.

    `inflation` is SEQUENTIAL_INFLATION for a test that is looked at after each batch, 1 for one that is decided once.  Raises ValueError
    for rates outside 0 … 1.
    """
    _check(arms, base, lead)
    z = float(ndtri(1 - alpha / 2)) + critical_point(arms, p_select)
    return math.ceil(inflation * _variance(base, lead) * z**2 / lead**2)


def pairwise_size(base: float, lead: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the recipients an arm that a usual sample size calculator names: two arms, one look, power 80 %.

    For comparison: it misses one real lead in five.  Source: Fleiss, Levin & Paik 2003, "Statistical Methods for Rates and Proportions",
    eq. 4.14.
    """
    _check(2, base, lead)
    pooled = base + lead / 2
    null = float(ndtri(1 - alpha / 2)) * math.sqrt(2 * pooled * (1 - pooled))
    return (null + float(ndtri(power)) * math.sqrt(_variance(base, lead))) ** 2 / lead**2


@lru_cache(maxsize=128)
def planned_information(arms: int, lead: float, alpha: float = 0.05, p_select: float = 0.95) -> float:
    """Return I_max, the information at which the test has all it was planned for: 1.07 · (z_{1−alpha/2} + d_k)² / lead²."""
    if lead <= 0:
        raise ValueError(f"The lead must be positive, not {lead}.")
    z = float(ndtri(1 - alpha / 2)) + critical_point(arms, p_select)
    return SEQUENTIAL_INFLATION * z * z / (lead * lead)


def selection_chance(arms: int, base: float, lead: float, size: int) -> float:
    """Return the exact chance that the best arm leads after `size` recipients an arm, ties drawn by lot.

    The others are all `lead` behind, the least favourable case.  Raises ValueError for rates outside 0 … 1 or no recipients.
    """
    _check(arms, base, lead)
    if size < 1:
        raise ValueError("Every arm needs recipients.")
    reach = 12 * math.sqrt(size) / 2 + 12
    low = max(0, math.floor(size * base - reach))
    x = np.arange(low, min(size, math.ceil(size * (base + lead) + reach)) + 1, dtype=np.float64)
    choose = gammaln(size + 1) - gammaln(x + 1) - gammaln(size - x + 1)
    best = np.exp(choose + xlogy(x, base + lead) + xlog1py(size - x, -base - lead))
    other = np.exp(choose + xlogy(x, base) + xlog1py(size - x, -base))
    upto = bdtr(x, size, base)
    # Of k arms the best and t others tie with chance C(k−1, t); summed over t with 1 / (t + 1) that is a difference of powers.
    wins = np.divide(upto**arms - (upto - other) ** arms, arms * other, out=upto ** (arms - 1), where=other > 1e-12)
    return float(best @ wins)
