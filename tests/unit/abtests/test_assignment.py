"""Who gets which arm."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from abtests.assignment import Cell, arm_of, cell_at, draw, is_held_out
from abtests.statistics import sample_ratio
from abtests.statistics.plans import plan

PEOPLE = range(1, 20_001)


def test_a_draw_is_written_in_stone():
    """Assignments outlive releases: another hash would send people to other arms."""
    assert draw("experiment:1", 42) == int.from_bytes(bytes.fromhex("0f9844112858002a"))


def test_a_contact_keeps_its_arm_and_tests_do_not_know_each_other():
    first = [arm_of("a", person, [1, 1]) for person in PEOPLE]
    assert first == [arm_of("a", person, [1, 1]) for person in PEOPLE]
    both = Counter(zip(first, (arm_of("b", person, [1, 1]) for person in PEOPLE), strict=True))
    assert chisquare(list(both.values())).pvalue > 0.001


@pytest.mark.parametrize("weights", [[1, 1], [1] * 8, [0.4, 0.2, 0.2, 0.2], [0.05, 0.95]])
def test_arms_get_their_share(weights):
    sent = Counter(arm_of("a", person, weights) for person in PEOPLE)
    assert sample_ratio([sent[arm] for arm in range(len(weights))], weights) > 0.001


def test_an_arm_without_weight_gets_nobody():
    assert {arm_of("a", person, [0, 1, 0]) for person in PEOPLE[:500]} == {1}


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1]])
def test_weights_that_say_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        arm_of("a", 1, weights)


def test_neighbouring_ids_are_no_pattern():
    arms = [arm_of("a", person, [1, 1]) for person in PEOPLE]
    runs = sum(one != other for one, other in pairwise(arms))
    assert abs(runs - len(arms) / 2) < 4 * (len(arms) / 4) ** 0.5


@given(st.integers(2, 8), st.integers(0, 40_000), st.integers(4, 24))
def test_cells_are_equal_to_the_last_contact_and_the_rest_waits(arms, audience, batches):
    planned = plan(audience, arms=arms, base=0.2, lead=0.1, window_hours=24, batches=batches)
    cells = Counter(cell_at(position, planned.batch_sizes, arms) for position in range(audience))
    assert cells.pop(None, 0) == planned.remainder
    for batch, size in enumerate(planned.batch_sizes):
        assert {cells[Cell(batch, arm)] for arm in range(arms)} == {size}
    assert sum(cells.values()) == planned.per_arm * arms


def test_a_position_below_zero_is_refused():
    with pytest.raises(ValueError, match="count from 0"):
        cell_at(-1, [10], 2)


def test_the_share_that_gets_nothing_is_that_share():
    held = sum(is_held_out("holdout", person, 0.1) for person in PEOPLE)
    assert held == pytest.approx(2000, abs=200)
    assert not any(is_held_out("holdout", person, 0.0) for person in PEOPLE[:100])
    assert all(is_held_out("holdout", person, 1.0) for person in PEOPLE[:100])
