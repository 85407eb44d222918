"""A test as it is planned on the screen: sizes, what they promise, how long it takes.

In plain Python, with the quantiles as tables, as web processes plan at every move of a slider and numpy with scipy would cost each 70 MB.
The tests compare every number with `abtests.statistics`, where the tables come from (docs/decisions/0050-plans-without-numpy.md).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from abtests.limits import FEWEST_ARMS, FEWEST_BATCHES, FEWEST_EVENTS, MOST_BATCHES, SEQUENTIAL_INFLATION

# z of 97.5 %, for a two-sided error of 5 %.
TWO_SIDED: Final = 1.959963984540054
# d_k, `statistics.critical_point`, at 95 %.
CRITICAL_POINTS: Final = {
    2: 1.6448536269514862,
    3: 1.9163319446876161,
    4: 2.0620839329232084,
    5: 2.16033328115553,
    6: 2.233816960870021,
    7: 2.2921938931590433,
    8: 2.3404389763716043,
}
# `statistics.plans.sequential_cost(batches).expected_share`, from four batches on.
EXPECTED_SHARES: Final = (
    0.7147456820519211, 0.691228851988185, 0.6756459383672246, 0.6644041286588349, 0.6559681125761907, 0.6494276177854603,
    0.644211418673, 0.6399542998943649, 0.6364144715807617, 0.6334254014295514, 0.6308683881210335, 0.6286564602082229,
    0.6267244447733212, 0.6250225609417326, 0.623512143035454, 0.6221627094670137, 0.6209499098312812, 0.6198540591999981,
    0.6188590732348743, 0.6179516820087381, 0.6171208410319277,
)  # fmt: skip
# The finest lead that anybody could mean: a thousandth of a per cent of the recipients.
_LEAST_LEAD: Final = 1e-5


class Promise(StrEnum):
    """What a test of this size can say at the planned lead."""

    PROVES = "proves"
    SELECTS = "selects"
    TOO_SMALL = "too_small"


class Reach(NamedTuple):
    """What a number of recipients an arm can do: the smallest leads (shares of those sent to), None if not even the largest."""

    proves: float | None
    selects: float | None


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
    def tested(self) -> int:
        """Recipients of all arms."""
        return self.per_arm * self.arms

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Recipients of one arm in each batch; the first ones are larger by one where it doesn't divide."""
        size, over = divmod(self.per_arm, self.batches)
        return tuple(size + (batch < over) for batch in range(self.batches))


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
    per_arm: int | None = None,
) -> Plan:
    """Plan a test that goes to no more of the audience than it needs, and to at most `largest_share` of it.

    `window_hours` is W, after which a recipient counts; `spacing_hours` the time between two batches; `per_arm` the size that somebody
    wants instead of what proves the lead.  Raises ValueError for arms outside 2 … 8, batches outside 4 … 24, rates outside 0 … 1 and a
    share that is not positive.
    """
    if not FEWEST_BATCHES <= batches <= MOST_BATCHES:
        raise ValueError(f"The test cells go out in {FEWEST_BATCHES} to {MOST_BATCHES} batches, not {batches}.")
    if audience < 0 or not 0 < largest_share <= 1 or window_hours <= 0 or spacing_hours < 0:
        raise ValueError("The audience, its share and the hours of a test must be positive.")
    _check(arms, base, lead)
    to_prove = size_to_prove(arms, base, lead)
    size = min(per_arm or to_prove, math.floor(audience * largest_share / arms))
    return Plan(
        arms=arms,
        base=base,
        lead=lead,
        batches=batches,
        to_prove=to_prove,
        to_select=size_to_select(arms, base, lead),
        per_arm=size,
        remainder=audience - size * arms,
        reach=reach(arms, base, size),
        hours=(batches - 1) * spacing_hours + window_hours,
        expected_share=EXPECTED_SHARES[batches - FEWEST_BATCHES],
    )


def size_to_select(arms: int, base: float, lead: float) -> int:
    """Return `statistics.select_size`: recipients an arm with which the leader is the best with 95 %."""
    return math.ceil(_variance(base, lead) * CRITICAL_POINTS[arms] ** 2 / lead**2)


def size_to_prove(arms: int, base: float, lead: float) -> int:
    """Return the recipients an arm that prove the lead after any batch, with the responses that a winner needs."""
    return max(_size_to_confirm(arms, base, lead), _size_for_events(base, lead))


def reach(arms: int, base: float, size: int) -> Reach:
    """Return the smallest lead that `size` recipients an arm prove, and the smallest they select.

    Leads in between can only be suggested.  Raises ValueError for a base rate outside 0 … 1.
    """
    if not 0 < base < 1:
        raise ValueError(f"A base rate of {base} is not above 0 and below 1.")
    return Reach(
        _smallest_lead(base, lambda lead: _size_to_confirm(arms, base, lead) <= size),
        _smallest_lead(base, lambda lead: size_to_select(arms, base, lead) <= size),
    )


def curve(arms: int, base: float, sizes: Sequence[int]) -> list[Reach]:
    """Return what each number of recipients an arm can do, for drawing."""
    return [reach(arms, base, size) for size in sizes]


def _check(arms: int, base: float, lead: float) -> None:
    if arms not in CRITICAL_POINTS:
        raise ValueError(f"A test has {FEWEST_ARMS} to {max(CRITICAL_POINTS)} arms, not {arms}.")
    if not (0 < base < 1 and lead > 0 and base + lead < 1):
        raise ValueError(f"A base rate of {base} and a lead of {lead} must be above 0 and together below 1.")


def _variance(base: float, lead: float) -> float:
    """Return the variance of the difference of two arms' rates, times their size."""
    best = base + lead
    return best * (1 - best) + base * (1 - base)


def _size_to_confirm(arms: int, base: float, lead: float) -> int:
    z = TWO_SIDED + CRITICAL_POINTS[arms]
    return math.ceil(SEQUENTIAL_INFLATION * _variance(base, lead) * z**2 / lead**2)


def _size_for_events(base: float, lead: float) -> int:
    """Return the recipients an arm with which the top two arms miss the events that a winner needs in 2.5 % of tests only."""
    expected = (TWO_SIDED + math.sqrt(TWO_SIDED**2 + 4 * FEWEST_EVENTS)) ** 2 / 4
    return math.ceil(expected / (2 * base + lead))


def _smallest_lead(base: float, is_enough: Callable[[float], bool]) -> float | None:
    low, high = _LEAST_LEAD, 1 - base - _LEAST_LEAD
    if high <= low or not is_enough(high):
        return None
    if is_enough(low):
        return low
    while high - low > _LEAST_LEAD / 10:
        middle = (low + high) / 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
