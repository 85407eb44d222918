"""The verdict on a test: who won, or what else can honestly be said.

With alpha = 0.05: if the best arm leads by the planned lead and the planned sample was sent, it is declared the winner with 95 %; if two or
more arms tie for the best, anybody is declared one with at most 5 %, though we look after every batch. docs/explanation/ab-statistics.md
says why.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scipy.special import ndtri

from abtests.limits import FEWEST_EVENTS
from abtests.statistics.allocation import INVALID_BELOW, sample_ratio
from abtests.statistics.always_valid import always_valid_boundary
from abtests.statistics.bayes import probability_best as best_of
from abtests.statistics.comparisons import fisher, pooled_z, two_sided
from abtests.statistics.counts import FloatArray, Numbers, as_counts, rates
from abtests.statistics.guardrails import blocked_arms
from abtests.statistics.intervals import wald_error
from abtests.statistics.looks import last_boundary
from abtests.statistics.planning import critical_point
from abtests.statistics.spending import ALPHA
from abtests.statistics.stratified import Strata, as_strata, mantel_haenszel

SINGLE_LOOK: Final = float(ndtri(1 - ALPHA / 2))


class Kind(StrEnum):
    """What a verdict says."""

    WINNER = "WINNER"
    LEADER_NOT_PROVEN = "LEADER_NOT_PROVEN"
    NO_MEANINGFUL_DIFFERENCE = "NO_MEANINGFUL_DIFFERENCE"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    INVALID_SRM = "INVALID_SRM"
    ALL_BLOCKED = "ALL_BLOCKED"
    ONLY_SAFE_ARM = "ONLY_SAFE_ARM"
    CONTINUE = "CONTINUE"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look says.  `leader` and `blocked` are indices of arms; the numbers are None where there is nothing to compare."""

    kind: Kind
    leader: int | None
    # Of the leader among the arms that are not blocked; shown, never a gate.
    probability_best: float | None
    expected_loss: float | None
    # The smallest z of the leader against any other arm, and what it must reach.
    smallest_z: float | None
    boundary: float | None
    blocked: tuple[int, ...]
    sample_ratio_p: float


def decide(
    successes: Numbers,
    trials: Numbers,
    *,
    lead: float,
    information: Numbers | None = None,
    spent: Numbers | None = None,
    final: bool = True,
    complaints: Numbers | None = None,
    unsubscribes: Numbers | None = None,
) -> Verdict:
    """Judge a test by matured counts, an entry an arm: recipients whose window has closed, and how many of them responded.

    `information` and `spent` are those of all looks so far, this one last (`spending.next_look`); without them the test is judged once, at
    its end: a look that is not `final` then only says CONTINUE.  `lead` is the planned lead (0.02: 2 points of those sent to).
    Complaints and unsubscribes count among the same trials.  Raises ValueError for counts that don't fit each other.
    """
    s, n = as_counts(successes, trials)

    def z(first: int, second: int) -> float:
        return pooled_z((float(s[first]), float(n[first])), (float(s[second]), float(n[second])))

    may_win = final or information is not None
    return _judge(_Test(s, n, z, lead, _boundary(information, spent), final, may_win), complaints, unsubscribes)


def decide_stratified(
    successes: Strata,
    trials: Strata,
    *,
    lead: float,
    complaints: Numbers | None = None,
    unsubscribes: Numbers | None = None,
) -> Verdict:
    """Judge a send-time test, once, after the last slot's window: as `decide`, but z compares within each day and time zone.

    `successes[stratum][arm]`; complaints and unsubscribes an entry an arm.  Raises ValueError for counts that don't fit each other.
    """
    strata = as_strata(successes, trials)
    s, n = strata[0].sum(axis=0), strata[1].sum(axis=0)

    def z(first: int, second: int) -> float:
        return mantel_haenszel(list(strata[0]), list(strata[1]), first, second)

    return _judge(_Test(s, n, z, lead, SINGLE_LOOK, final=True, may_win=True), complaints, unsubscribes)


def decide_always_valid(
    successes: Numbers,
    trials: Numbers,
    *,
    lead: float,
    planned: float,
    final: bool = False,
    complaints: Numbers | None = None,
    unsubscribes: Numbers | None = None,
) -> Verdict:
    """Judge a test that may be looked at at any time and as often as one likes: as `decide`, but the boundary holds for all looks together.

    `planned` is the number of trials of two arms together at which the boundary is to be the lowest.  A false winner beats an arm that is
    as good or better; there are k − 1 pairs with the best, so each has alpha / (k − 1).  Of pairs of different sizes the highest boundary
    counts.  Source: `always_valid`, and Bonferroni.
    """
    s, n = as_counts(successes, trials)
    alpha = ALPHA / max(s.size - 1, 1)
    pairs = [float(n[first] + n[second]) for first in range(n.size) for second in range(first)]
    boundary = max((always_valid_boundary(pair, planned=planned, alpha=alpha) for pair in pairs), default=math.inf)

    def z(first: int, second: int) -> float:
        pair = [first, second]
        if not n[pair].all():
            return 0.0
        error = wald_error(s[pair], n[pair])
        return float(s[first] / n[first] - s[second] / n[second]) / error if error else 0.0

    return _judge(_Test(s, n, z, lead, boundary, final, may_win=True), complaints, unsubscribes)


@dataclass(frozen=True, slots=True)
class _Test:
    successes: FloatArray
    trials: FloatArray
    z: Callable[[int, int], float]
    lead: float
    boundary: float
    final: bool
    may_win: bool


def _boundary(information: Numbers | None, spent: Numbers | None) -> float:
    if information is None and spent is None:
        return SINGLE_LOOK
    if information is None or spent is None:
        raise ValueError("Information and spent error come together, an entry a look.")
    return last_boundary(information, spent)


def _judge(test: _Test, complaints: Numbers | None, unsubscribes: Numbers | None) -> Verdict:
    """Ask the gates first, then the numbers."""
    if not 0 < test.lead < 1:
        raise ValueError(f"The planned lead is a share between 0 and 1, not {test.lead}.")
    if (test.successes % 1).any() or (test.trials % 1).any():
        raise ValueError("A verdict is on whole numbers of recipients and responses.")
    ratio = sample_ratio(test.trials)
    blocked = blocked_arms(test.trials, complaints, unsubscribes)
    safe = [arm for arm in range(test.trials.size) if arm not in blocked]
    broken = ratio < INVALID_BELOW
    if not safe:
        return Verdict(Kind.INVALID_SRM if broken else Kind.ALL_BLOCKED, None, None, None, None, None, blocked, ratio)
    order = _ranked(test, safe)
    leader, others = order[0], order[1:]
    best, losses = best_of(test.successes[safe], test.trials[safe])
    chance, loss = best[safe.index(leader)], losses[safe.index(leader)]
    if not others:
        kind = Kind.INVALID_SRM if broken else Kind.ONLY_SAFE_ARM
        return Verdict(kind, leader, chance, loss, None, None, blocked, ratio)
    smallest = min(test.z(leader, other) for other in others)
    kind = Kind.INVALID_SRM if broken else _conclude(test, leader, others, smallest)
    return Verdict(kind, leader, chance, loss, smallest, test.boundary, blocked, ratio)


def _ranked(test: _Test, arms: list[int]) -> list[int]:
    """Return the arms by their rates, the highest first; of two with the same the one with more trials."""
    rate = rates(test.successes, test.trials)
    return sorted(arms, key=lambda arm: (-rate[arm], -test.trials[arm]))


def _conclude(test: _Test, leader: int, others: list[int], smallest: float) -> Kind:
    events = float(test.successes[leader] + test.successes[others[0]])
    crossed = test.may_win and events >= FEWEST_EVENTS and smallest >= test.boundary
    if crossed and all(_agrees(test, leader, other) for other in others):
        return Kind.WINNER
    if not test.final:
        return Kind.CONTINUE
    if events < FEWEST_EVENTS:
        return Kind.INSUFFICIENT_DATA
    if upper_gap(test.successes, test.trials, leader, others) < test.lead:
        return Kind.NO_MEANINGFUL_DIFFERENCE
    return Kind.LEADER_NOT_PROVEN


def _agrees(test: _Test, leader: int, other: int) -> bool:
    """Whether Fisher's exact test rejects as well, asked where so few of the two arms responded (or did not) that z is a rough guide."""
    s, n = test.successes[[leader, other]], test.trials[[leader, other]]
    if min(s.sum(), (n - s).sum()) >= FEWEST_EVENTS:
        return True
    return fisher(s, n) <= two_sided(test.boundary)


def upper_gap(successes: Numbers, trials: Numbers, leader: int, others: list[int]) -> float:
    """Return the most by which the leader may lead the next arm, with 95 % for all k arms together.

    Wald's error times d_k: if the best leads by the planned lead, its gap to each of the others falls short of that by more than d_k errors
    in 5 % of tests only.
    """
    s, n = as_counts(successes, trials)
    point = critical_point(len(others) + 1)
    rate = rates(s, n)
    return min(
        float(rate[leader] - rate[other]) + point * wald_error(s[[leader, other]], n[[leader, other]])
        for other in others
    )
