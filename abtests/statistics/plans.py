"""A test as it is planned on the screen: sizes, what they promise, how long it takes."""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from scipy.optimize import brentq
from scipy.special import ndtri

from abtests.limits import FEWEST_BATCHES, MOST_BATCHES
from abtests.statistics.looks import winning_chances
from abtests.statistics.planning import SEQUENTIAL_INFLATION, Reach, confirm_size, reach, select_size
from abtests.statistics.spending import ALPHA, FEWEST_EVENTS, equal_looks


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


class Promise(StrEnum):
    """What a test of this size can say at the planned lead."""

    PROVES = "proves"
    SELECTS = "selects"
    TOO_SMALL = "too_small"


@dataclass(frozen=True, slots=True)
class Plan:
    """A test before it starts.  Sizes are recipients, rates and leads shares of those sent to, times hours."""

    arms: int
    base: float
    lead: float
    batches: int
    # What the lead asks for, an arm.
    to_prove: int
    to_select: int
    # What the list allows.
    per_arm: int
    remainder: int
    reach: Reach
    # Until the last batch has matured, and how much of the cells a real lead of this size needs on average.
    hours: float
    expected_share: float

    @property
    def promise(self) -> Promise:
        """What the test can say if the best arm leads by the planned lead."""
        if self.per_arm >= self.to_prove:
            return Promise.PROVES
        return Promise.SELECTS if self.per_arm >= self.to_select else Promise.TOO_SMALL

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Recipients of one arm in each batch; the first ones are larger by one where it doesn't divide."""
        size, over = divmod(self.per_arm, self.batches)
        return tuple(size + (batch < over) for batch in range(self.batches))


def _size_for_events(base: float, lead: float) -> int:
    """Return the recipients an arm with which the top two arms miss the events that a winner needs in 2.5 % of tests only."""
    two_errors = float(ndtri(0.975))
    expected = (two_errors + math.sqrt(two_errors**2 + 4 * FEWEST_EVENTS)) ** 2 / 4
    return math.ceil(expected / (2 * base + lead))


def plan(
    audience: int,
    *,
    arms: int,
    base: float,
    lead: float,
    window_hours: float,
    spacing_hours: float = 1.0,
    batches: int = 6,
    largest_share: float = 1.0,
) -> Plan:
    """Plan a test that goes to no more of the audience than it needs, and to at most `largest_share` of it.

    `window_hours` is W, after which a recipient counts; `spacing_hours` the time between two batches.  Raises ValueError for fewer than
    two arms, batches outside 4 … 24, rates outside 0 … 1 and a share that is not positive.
    """
    if not FEWEST_BATCHES <= batches <= MOST_BATCHES:
        raise ValueError(f"The test cells go out in {FEWEST_BATCHES} to {MOST_BATCHES} batches, not {batches}.")
    if audience < 0 or not 0 < largest_share <= 1 or window_hours <= 0 or spacing_hours < 0:
        raise ValueError("The audience, its share and the hours of a test must be positive.")
    to_prove = max(confirm_size(arms, base, lead, inflation=SEQUENTIAL_INFLATION), _size_for_events(base, lead))
    per_arm = min(to_prove, math.floor(audience * largest_share / arms))
    return Plan(
        arms=arms,
        base=base,
        lead=lead,
        batches=batches,
        to_prove=to_prove,
        to_select=select_size(arms, base, lead),
        per_arm=per_arm,
        remainder=audience - per_arm * arms,
        reach=reach(arms, base, per_arm),
        hours=(batches - 1) * spacing_hours + window_hours,
        expected_share=sequential_cost(batches).expected_share,
    )
