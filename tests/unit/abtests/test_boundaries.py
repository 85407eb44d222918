"""Boundaries and the error they spend."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from abtests.statistics import boundaries, obrien_fleming_spend
from abtests.statistics.looks import winning_chances
from abtests.statistics.spending import Look, equal_looks, next_look

fractions = st.lists(st.floats(0.02, 1.0), min_size=1, max_size=8, unique=True).map(sorted)


def test_six_looks_have_the_boundaries_of_the_design():
    look = equal_looks(6)
    assert boundaries(look.information, look.spent) == pytest.approx(
        [5.367, 3.710, 2.970, 2.539, 2.252, 2.045], abs=6e-4
    )


def test_one_look_with_all_of_alpha_is_an_ordinary_test():
    assert boundaries([3.7], [0.05]) == pytest.approx([norm.ppf(0.975)])


def test_two_looks_cross_as_often_as_the_bivariate_normal_says():
    found = boundaries([0.4, 1.0], [0.02, 0.05])
    correlation = math.sqrt(0.4)
    both = multivariate_normal([0, 0], [[1, correlation], [correlation, 1]])
    inside = both.cdf(found, lower_limit=-found)
    assert 1 - inside == pytest.approx(0.05, abs=1e-6)


@settings(max_examples=40)
@given(fractions)
def test_simulated_scores_cross_as_often_as_was_spent(information):
    spent = obrien_fleming_spend(information)
    limits = boundaries(information, spent)
    rng = np.random.default_rng(7)
    scores = rng.normal(size=(20_000, len(information))) * np.sqrt(np.diff(information, prepend=0.0))
    z = scores.cumsum(axis=1) / np.sqrt(information)
    crossed = (np.abs(z) >= limits).any(axis=1).mean()
    assert crossed == pytest.approx(spent[-1], abs=4.5 * math.sqrt(0.05 * 0.95 / 20_000))


@given(fractions, st.floats(0.001, 1e9))
def test_the_unit_of_information_does_not_matter(information, unit):
    spent = obrien_fleming_spend(information)
    assert boundaries([unit * t for t in information], spent) == pytest.approx(boundaries(information, spent), rel=1e-6)


@given(fractions)
def test_a_look_never_asks_for_less_than_a_single_test_with_all_that_was_spent(information):
    spent = obrien_fleming_spend(information)
    assert (boundaries(information, spent) >= -norm.ppf(spent / 2) - 1e-9).all()


@given(fractions, st.floats(0.0001, 0.3))
def test_a_boundary_is_not_changed_by_looks_that_come_later(information, alpha):
    spent = obrien_fleming_spend(information, alpha)
    whole = boundaries(information, spent)
    assert boundaries(information[:1], spent[:1]) == pytest.approx(whole[:1])


@given(st.lists(st.floats(0, 3), min_size=1, max_size=12), st.lists(st.floats(0, 1), min_size=12, max_size=12))
def test_no_history_breaks_it(information, spent):
    found = boundaries(information, spent[: len(information)])
    assert not np.isnan(found).any()
    assert (found >= 0).all()


def test_looks_without_news_ask_for_the_impossible():
    found = boundaries([0.0, 0.5, 0.5, 1.0], [0.0, 0.01, 0.01, 0.05])
    assert np.isinf(found).tolist() == [True, False, True, False]


@pytest.mark.parametrize(("information", "spent"), [([1, 2], [0.01]), ([], []), ([1], [2.0]), ([-1], [0.01])])
def test_histories_that_do_not_fit_are_refused(information, spent):
    with pytest.raises(ValueError, match=r"fit|one number|between|not negative"):
        boundaries(information, spent)


def test_error_is_spent_late_and_never_more_than_alpha():
    assert obrien_fleming_spend([-1, 0, 0.5, 1, 3]) == pytest.approx([0, 0, 0.0030506, 0.05, 0.05], abs=1e-6)
    with pytest.raises(ValueError, match="numbers"):
        obrien_fleming_spend([float("nan")])


def test_without_a_lead_the_upper_half_of_the_error_is_won():
    look = equal_looks(6)
    assert sum(winning_chances(look.information, look.spent, drift=0.0)) == pytest.approx(0.025, abs=1e-7)


def test_information_is_that_of_the_two_arms_that_matter():
    look = next_look([300, 310, 100], [1000, 1000, 1000], lead=0.05)
    assert look.information == pytest.approx([1000 / (2 * 0.305 * 0.695)])
    assert look == next_look([0, 310, 300], [5000, 1000, 1000], lead=0.05)


def test_all_looks_are_judged_by_the_rate_as_it_is_known_now():
    first = next_look([30, 30], [100, 100], lead=0.05)
    second = next_look([200, 200], [1000, 1000], lead=0.05, earlier=first)
    assert second.information == pytest.approx([100 / 0.32, 1000 / 0.32])


@pytest.mark.parametrize("found", [([0, 0], [10, 10]), ([10, 10], [10, 10]), ([5, 0], [10, 0]), ([0, 0], [0, 0])])
def test_arms_that_say_nothing_spend_nothing(found):
    assert next_look(*found, lead=0.1).spent == (0.0,)


def test_nothing_is_spent_while_nobody_can_win():
    assert next_look([9, 10], [1000, 1000], lead=0.02).spent == (0.0,)
    assert next_look([10, 10], [1000, 1000], lead=0.02).spent[0] > 0


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=10))
def test_information_and_error_never_shrink_from_look_to_look(batches):
    successes, trials, past = [0, 0], 0, None
    for one, two in batches:
        successes, trials = [successes[0] + one, successes[1] + two], trials + 400
        past = next_look(successes, [trials, trials], lead=0.05, earlier=past)
    assert past.sizes == tuple(sorted(past.sizes))
    assert past.spent == tuple(sorted(past.spent))
    assert not np.isnan(boundaries(past.information, past.spent)).any()


def test_the_last_look_spends_what_is_left():
    first = next_look([20, 22], [100, 100], lead=0.1)
    assert not first.is_last
    assert next_look([40, 45], [200, 200], lead=0.1, earlier=first, final=True).is_last
    assert not Look().is_last


def test_a_test_that_knows_all_it_was_planned_for_is_at_its_last_look():
    assert next_look([10, 12], [2000, 2000], lead=0.1).is_last
