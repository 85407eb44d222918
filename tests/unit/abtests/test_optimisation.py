"""Thompson weights, delay curves and estimates within strata."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abtests.statistics import thompson_weights, two_sample
from abtests.statistics.delays import effective_trials, lognormal_curve, pooled_curve
from abtests.statistics.stratified import mantel_haenszel, stratified_rates
from tests.unit.abtests.strategies import counts, equal_counts


@given(counts(sizes=st.integers(100, 5000)))
def test_shares_are_a_whole_and_nobody_falls_below_the_floor(found):
    weights = thompson_weights(*found)
    assert sum(weights) == pytest.approx(1)
    assert min(weights) >= 0.05 - 1e-9


def test_a_better_arm_gets_more():
    weights = thompson_weights([60, 90], [500, 500])
    assert weights[1] > 0.9


@pytest.mark.parametrize(("successes", "trials"), [([40, 40], [99, 200]), ([39, 40], [200, 200]), ([0, 0], [0, 0])])
def test_shares_stay_equal_until_enough_is_known(successes, trials):
    assert thompson_weights(successes, trials) == [0.5, 0.5]


def test_an_arm_that_nobody_answers_does_not_hold_the_others_up():
    weights = thompson_weights([0, 90, 60], [400, 400, 400])
    assert weights[0] == pytest.approx(0.05, abs=1e-6)
    assert weights[1] > 0.8


def test_more_responses_than_effective_trials_count_as_all():
    assert thompson_weights([150, 60], [120.5, 110.5])[0] > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], [1, 2]), "don't fit"),
        (([1, 2], [3, 4], 0.6), "more than there is"),
        (([1, 2], [3, 4], -0.1), "more than"),
    ],
)
def test_shares_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        thompson_weights(*arguments)


def test_a_curve_starts_at_nothing_and_ends_with_all():
    curve = lognormal_curve(window=24)
    assert curve(np.array([-1.0, 0.0, 24.0, 1000.0])).tolist() == [0, 0, 1, 1]
    assert curve(np.array([1.0]))[0] == pytest.approx(0.5, abs=0.01)
    with pytest.raises(ValueError, match="positive"):
        lognormal_curve(0)


def test_young_batches_do_not_bend_the_curve():
    edges, true = [1.0, 2.0, 4.0, 8.0, 24.0], np.array([0.4, 0.2, 0.2, 0.1, 0.1])
    ages = [30.0, 8.0, 4.0, 2.0, 1.0]
    batches = [np.where(np.array(edges) <= age, 1000 * true, 0) for age in ages]
    curve = pooled_curve(batches, ages, edges)
    assert curve(np.array(edges)) == pytest.approx(true.cumsum())


def test_where_no_batch_is_old_enough_the_assumed_curve_goes_on():
    edges, prior = [1.0, 4.0, 24.0], lognormal_curve(window=24.0)
    curve = pooled_curve([[60, 40, 0]], [5.0], edges)
    assert curve(np.array([4.0]))[0] == pytest.approx(prior(np.array([4.0]))[0])
    assert curve(np.array([1.0]))[0] == pytest.approx(0.6 * prior(np.array([4.0]))[0])


def test_before_anybody_has_responded_the_curve_is_the_assumed_one():
    edges, prior = [1.0, 4.0, 24.0], lognormal_curve(window=24.0)
    curve = pooled_curve([[0, 0, 0]], [30.0], edges)
    assert curve(np.array(edges)) == pytest.approx(prior(np.array(edges)))


@given(st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=1, max_size=5), st.floats(0, 40))
def test_a_curve_never_falls(batches, age):
    curve = pooled_curve(batches, [age] * len(batches), [1.0, 3.0, 9.0, 24.0])
    values = curve(np.linspace(0, 30, 50))
    assert (np.diff(values) >= -1e-12).all()
    assert values[0] == 0
    assert values[-1] == 1


@pytest.mark.parametrize(
    ("batches", "ages", "edges"), [([[1, 2]], [1, 2], [1, 2]), ([[1, 2]], [1], [2, 1]), ([[1]], [1], [1, 2])]
)
def test_curves_of_numbers_that_do_not_fit_are_refused(batches, ages, edges):
    with pytest.raises(ValueError, match=r"one age|intervals"):
        pooled_curve(batches, ages, edges)
    with pytest.raises(ValueError, match="don't fit"):
        effective_trials([1, 2], [1], lognormal_curve())


def estimates(successes, trials):
    found = stratified_rates(successes, trials)
    assert found is not None
    return found


def test_the_estimate_is_not_fooled_by_a_good_hour_that_one_arm_got_more_of():
    # Both arms respond with 10 % at noon and 30 % at night, when arm 1 got nearly all.
    successes, trials = [[90, 10], [30, 270]], [[900, 100], [100, 900]]
    assert [one.rate for one in estimates(successes, trials)] == pytest.approx([0.2, 0.2])
    assert sum(row[1] for row in successes) / 1000 > 0.27
    assert mantel_haenszel(successes, trials, 1, 0) == pytest.approx(0)


def test_the_standard_error_is_what_draws_say():
    rng, rates, trials = np.random.default_rng(9), [0.1, 0.3], [900, 300]
    drawn = rng.binomial(trials, rates, size=(50_000, 2)) / trials
    shares = np.array([1800, 600]) / 2400
    found, _ = estimates([[90, 90], [90, 90]], [[900, 900], [300, 300]])
    assert found.standard_error == pytest.approx((drawn @ shares).std(), rel=0.02)


def test_a_batch_that_missed_an_arm_says_nothing():
    assert stratified_rates([[5, 6], [3, 0]], [[10, 10], [10, 0]]) == stratified_rates([[5, 6]], [[10, 10]])
    assert stratified_rates([[3, 0]], [[10, 0]]) is None


@given(equal_counts(arms=st.just(2)))
def test_one_stratum_is_the_ordinary_z(found):
    successes, trials = found
    if trials[0] > 1:
        z, _ = two_sample(successes, trials)
        total = 2 * trials[0]
        assert mantel_haenszel([successes], [trials], 0, 1) == pytest.approx(z * ((total - 1) / total) ** 0.5, abs=1e-9)


def test_z_squared_is_the_linear_association_that_textbooks_print():
    # Agresti 2013, table 6.9 (eight centres): the Mantel-Haenszel statistic without correction is 6.38.
    successes = [[11, 10], [16, 22], [14, 7], [2, 1], [6, 0], [1, 0], [1, 1], [4, 6]]
    trials = [[36, 37], [20, 32], [19, 19], [16, 17], [17, 12], [11, 10], [5, 9], [6, 7]]
    assert mantel_haenszel(successes, trials, 0, 1) ** 2 == pytest.approx(6.38, abs=0.01)


@pytest.mark.parametrize(
    ("successes", "trials"), [([], []), ([[1, 2]], [[3, 4], [5, 6]]), ([[1, 2], [1]], [[3, 4], [5]])]
)
def test_strata_that_do_not_fit_are_refused(successes, trials):
    with pytest.raises(ValueError, match=r"strata|stratum"):
        mantel_haenszel(successes, trials, 0, 1)
