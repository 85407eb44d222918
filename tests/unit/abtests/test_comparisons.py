"""Closed forms against the libraries they stand for, and their limits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare, fisher_exact

from abtests.statistics import difference, sample_ratio, two_sample, wilson
from abtests.statistics.always_valid import always_valid
from abtests.statistics.comparisons import fisher, fisher_greater, omnibus
from abtests.statistics.guardrails import above_cap, above_others, blocked_arms, no_worse
from abtests.statistics.intervals import relative_lift
from tests.unit.abtests.strategies import counts

pairs = counts(arms=st.just(2), sizes=st.integers(1, 3000))


@given(pairs)
def test_fisher_is_scipys(found):
    (s1, s2), (n1, n2) = found
    table = [[s1, n1 - s1], [s2, n2 - s2]]
    assert fisher([s1, s2], [n1, n2]) == pytest.approx(fisher_exact(table).pvalue, rel=1e-6, abs=1e-12)
    expected = fisher_exact(table, alternative="greater").pvalue
    assert fisher_greater([s1, s2], [n1, n2]) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_the_exact_test_of_a_billion_takes_no_time():
    assert fisher([30, 10], [500_000_000, 500_000_000]) == pytest.approx(0.0022, abs=1e-4)
    assert fisher([300_000_000, 100_000_000], [500_000_000, 500_000_000]) == 0.0


@given(pairs)
def test_swapping_two_arms_turns_z_around(found):
    successes, trials = found
    z, p = two_sample(successes, trials)
    turned, same = two_sample(successes[::-1], trials[::-1])
    assert (turned, same) == pytest.approx((-z, p))


@given(pairs)
def test_chi_square_of_two_arms_is_z_squared(found):
    z, p = two_sample(*found)
    assert omnibus(*found) == pytest.approx((z * z, p), abs=1e-9)


@given(pairs)
def test_swapping_two_arms_mirrors_the_interval(found):
    successes, trials = found
    low, high = difference(successes, trials)
    assert difference(successes[::-1], trials[::-1]) == pytest.approx((-high, -low))
    assert -1 <= low <= successes[0] / trials[0] - successes[1] / trials[1] <= high <= 1


@given(st.integers(1, 10_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_rate_and_mirrors_failures(found):
    successes, trials = found
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1
    assert wilson(trials - successes, trials) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(st.integers(1, 10_000))
def test_without_trials_nothing_is_known(trials):
    assert wilson(0, 0) == (0.0, 1.0)
    assert difference([0, 0], [0, 0]) == pytest.approx((-1 / math.sqrt(2), 1 / math.sqrt(2)))
    assert two_sample([0, 0], [0, trials]) == (0.0, 1.0)
    assert relative_lift([0, 1], [trials, trials]) is None
    assert always_valid([0, 0], [0, trials], planned=100) is None


@pytest.mark.parametrize("function", [two_sample, difference, relative_lift])
def test_three_arms_are_no_pair(function):
    with pytest.raises(ValueError, match="Two arms are compared"):
        function([1, 2, 3], [10, 10, 10])


def test_a_rate_above_one_is_refused():
    with pytest.raises(ValueError, match="no rate"):
        wilson(11, 10)


@given(counts(sizes=st.integers(1, 100_000)))
def test_sample_ratio_is_scipys_chi_square(found):
    _, sent = found
    assert sample_ratio(sent) == pytest.approx(chisquare(sent).pvalue, abs=1e-12)


@pytest.mark.parametrize(
    ("sent", "weights", "p"),
    [([0, 0], None, 1.0), ([5, 0], [1, 0], 1.0), ([5, 1], [1, 0], 0.0), ([7], None, 1.0), ([50, 50], [2, 2], 1.0)],
)
def test_the_limits_of_the_sample_ratio(sent, weights, p):
    assert sample_ratio(sent, weights) == p


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="don't fit"):
        sample_ratio([1, 2], [1])
    with pytest.raises(ValueError, match="positive"):
        sample_ratio([1, 2], [0, 0])


@given(st.integers(0, 30), st.integers(30, 20_000))
def test_complaints_are_scipys_binomial_test(complaints, trials):
    expected = binomtest(complaints, trials, 0.001, alternative="greater").pvalue
    assert above_cap(complaints, trials) == pytest.approx(expected, rel=1e-9)


def test_an_arm_is_compared_with_all_the_others_together():
    assert above_others([60, 22, 20], [5000] * 3, 0) == fisher_greater([60, 42], [5000, 10000])
    assert blocked_arms([5000] * 3, None, [60, 22, 20]) == (0,)
    assert above_others([60], [5000], 0) == 1.0


def test_an_arm_is_no_worse_if_the_margin_is_out_of_reach():
    assert no_worse([22, 24], [50_000, 50_000], 0.002)[1] < 0.001
    assert no_worse([0, 0], [10, 0], 0.002) == (0.0, 1.0)
    with pytest.raises(ValueError, match="positive"):
        no_worse([1, 1], [10, 10], 0)


@given(pairs, st.integers(1, 100_000))
def test_an_interval_for_all_looks_is_wider_than_one_for_a_single_look(found, planned):
    successes, trials = found
    valid = always_valid(successes, trials, planned=planned)
    if valid is not None:
        gap = successes[1] / trials[1] - successes[0] / trials[0]
        assert valid.low < gap < valid.high
        assert valid.p >= min(two_sided_wald(successes, trials), 1) - 1e-12


def two_sided_wald(successes, trials):
    rates = [s / n for s, n in zip(successes, trials, strict=True)]
    error = math.sqrt(sum(r * (1 - r) / n for r, n in zip(rates, trials, strict=True)))
    return math.erfc(abs(rates[1] - rates[0]) / error / math.sqrt(2))
