"""The closed forms of the web agree with the statistics of the verdicts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abtests import statistics
from abtests.intervals import Z95, newcombe, watched_z, wilson
from abtests.proofs import SIZES
from abtests.results import planned_information
from abtests.statistics.always_valid import always_valid
from abtests.statistics.planning import SEQUENTIAL_INFLATION
from abtests.statistics.planning import planned_information as exact_information

COUNTS = st.integers(0, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@given(COUNTS)
def test_a_rates_interval_is_that_of_the_statistics(counts):
    assert wilson(*counts) == pytest.approx(statistics.wilson(*counts), abs=1e-12)


@given(COUNTS, COUNTS)
def test_a_differences_interval_is_that_of_the_statistics(first, second):
    exact = statistics.difference([first[0], second[0]], [first[1], second[1]])
    assert newcombe(first, second) == pytest.approx(exact, abs=1e-12)


@given(COUNTS, st.floats(1, 6))
def test_a_wider_reach_holds_the_narrower_one(counts, z):
    successes, trials = counts
    narrow, wide = wilson(successes, trials, z), wilson(successes, trials, z + 0.5)
    assert wide.low <= narrow.low <= narrow.high <= wide.high


@pytest.mark.parametrize("trials", [50, 500, 5000])
def test_an_interval_that_may_be_watched_reaches_as_far_as_the_always_valid_one(trials):
    found = always_valid([20, 30], [trials, trials], planned=2000)
    assert found is not None
    error = math.sqrt(sum(s / trials * (1 - s / trials) / trials for s in (20, 30)))
    assert watched_z(2 * trials, 2000) == pytest.approx((found.high - found.difference) / error)


def test_watching_costs_more_than_one_look():
    assert watched_z(0, 1000) == math.inf
    assert min(watched_z(trials, 1000) for trials in range(1, 3000, 10)) > Z95
    assert newcombe((1, 2), (3, 4), math.inf) == (-1.0, 1.0)
    assert wilson(1, 2, math.inf) == (0.0, 1.0)


@pytest.mark.parametrize("arms", range(2, 9))
@pytest.mark.parametrize("lead", [0.002, 0.02, 0.1])
def test_the_planned_information_is_that_of_the_statistics(arms, lead):
    assert planned_information(arms, lead) == pytest.approx(exact_information(arms, lead), rel=1e-12)


def test_the_sizes_that_are_explained_are_those_of_the_plan():
    for size in SIZES:
        base, lead = float(size.base.rstrip("%")) / 100, float(size.lead.split()[0]) / 100
        assert statistics.confirm_size(2, base, lead, inflation=SEQUENTIAL_INFLATION) == size.proves
        assert statistics.select_size(2, base, lead) == size.selects
