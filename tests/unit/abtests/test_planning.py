"""Sizes, leads and plans."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from abtests.limits import FEWEST_BATCHES, MOST_BATCHES, SEQUENTIAL_INFLATION
from abtests.plans import (
    CRITICAL_POINTS,
    EXPECTED_SHARES,
    TWO_SIDED,
    Promise,
    plan,
    reach,
    size_to_prove,
    size_to_select,
)
from abtests.statistics import confirm_size, critical_point, select_size
from abtests.statistics.planning import planned_information, selection_chance
from abtests.statistics.plans import sequential_cost

arms = st.integers(2, 8)
bases = st.floats(0.002, 0.6)
leads = st.floats(0.002, 0.3)


def test_the_points_of_the_design():
    assert [critical_point(k) for k in (2, 3, 4)] == pytest.approx([1.645, 1.916, 2.062], abs=5e-4)


def test_more_arms_and_more_certainty_ask_for_more():
    points = [critical_point(k) for k in range(2, 9)]
    assert points == sorted(points)
    assert critical_point(3, 0.99) > critical_point(3, 0.95)


def test_a_point_is_what_draws_say():
    normal = np.random.default_rng(5).normal(size=(200_000, 4))
    normal[:, 0] += critical_point(4) * 2**0.5
    assert (normal.argmax(axis=1) == 0).mean() == pytest.approx(0.95, abs=0.002)


@given(arms, bases, leads)
def test_proving_takes_more_than_selecting(k, base, lead):
    assert confirm_size(k, base, lead) > select_size(k, base, lead)
    assert confirm_size(k, base, lead, inflation=1.07) >= confirm_size(k, base, lead)


@given(arms, bases, leads, st.floats(1.05, 3))
def test_a_larger_lead_needs_fewer(k, base, lead, factor):
    if base + lead * factor < 1:
        assert select_size(k, base, lead * factor) <= select_size(k, base, lead)


@given(arms, bases, st.integers(1, 200_000))
def test_the_leads_within_reach_are_those_whose_sizes_fit(k, base, size):
    found = reach(k, base, size)
    if found.proves is not None:
        assert confirm_size(k, base, found.proves, inflation=SEQUENTIAL_INFLATION) <= size
        assert found.selects <= found.proves
        if found.proves > 0.001:
            assert confirm_size(k, base, found.proves - 0.0001, inflation=SEQUENTIAL_INFLATION) > size
    if found.selects is not None:
        assert select_size(k, base, found.selects) <= size


def test_the_tables_without_numpy_are_what_scipy_computes():
    assert {k: critical_point(k) for k in range(2, 9)} == pytest.approx(CRITICAL_POINTS, abs=1e-12)
    shares = [sequential_cost(batches).expected_share for batches in range(FEWEST_BATCHES, MOST_BATCHES + 1)]
    assert shares == pytest.approx(EXPECTED_SHARES, abs=1e-9)
    assert pytest.approx(float(ndtri(0.975)), abs=1e-14) == TWO_SIDED


@given(arms, bases, leads)
def test_the_sizes_without_numpy_are_those_of_the_statistics(k, base, lead):
    assert size_to_select(k, base, lead) == pytest.approx(select_size(k, base, lead), abs=1)
    confirmed = confirm_size(k, base, lead, inflation=SEQUENTIAL_INFLATION)
    assert size_to_prove(k, base, lead) >= confirmed - 1
    if confirmed * base > 2 * 20:
        assert size_to_prove(k, base, lead) == pytest.approx(confirmed, abs=1)


def test_a_size_that_somebody_wants_is_kept_as_far_as_the_list_allows():
    assert plan(100_000, **PLAN, per_arm=500).per_arm == 500
    assert plan(600, **PLAN, per_arm=500).per_arm == 300


def test_one_recipient_proves_nothing_and_none_selects_nothing():
    assert reach(2, 0.2, 1).proves is None
    assert reach(2, 0.2, 0) == (None, None)


def test_an_enormous_list_reaches_the_finest_lead():
    assert reach(2, 0.2, 10**13) == (1e-5, 1e-5)


def test_the_chance_to_select_is_what_draws_say():
    draws = np.random.default_rng(6).binomial(120, [0.3, 0.2, 0.2], size=(200_000, 3)) + np.random.default_rng(
        7
    ).random((200_000, 3))
    assert selection_chance(3, 0.2, 0.1, 120) == pytest.approx((draws.argmax(axis=1) == 0).mean(), abs=0.003)


@given(arms, bases, leads)
def test_the_size_to_select_selects_with_95_percent(k, base, lead):
    if base + lead < 0.95:
        assert selection_chance(k, base, lead, select_size(k, base, lead)) > 0.93


@pytest.mark.parametrize(
    ("k", "base", "lead"), [(1, 0.2, 0.02), (2, 0.0, 0.02), (2, 0.2, 0.0), (2, 0.9, 0.1), (2, 1.2, 0.1), (2, 0.2, -0.1)]
)
def test_plans_that_make_no_sense_are_refused(k, base, lead):
    for size in (select_size, confirm_size):
        with pytest.raises(ValueError, match=r"arms|base rate"):
            size(k, base, lead)


def test_a_point_that_guessing_reaches_is_refused():
    with pytest.raises(ValueError, match="No point"):
        critical_point(2, 0.5)
    with pytest.raises(ValueError, match="positive"):
        planned_information(2, 0)


def test_six_looks_cost_less_than_what_is_added_for_them():
    cost = sequential_cost(6)
    assert 1 < cost.inflation < SEQUENTIAL_INFLATION
    assert cost.expected_share < 0.75


def test_one_look_costs_nothing():
    assert sequential_cost(1) == pytest.approx((1, 1))


PLAN = {"arms": 2, "base": 0.2, "lead": 0.02, "window_hours": 24.0}


def test_a_large_list_proves_and_keeps_most_people_for_the_winner():
    found = plan(100_000, **PLAN)
    assert found.promise is Promise.PROVES
    assert found.per_arm == found.to_prove == 11_527
    assert found.remainder == 100_000 - 2 * 11_527
    assert found.hours == 29
    assert sum(found.batch_sizes) == found.per_arm
    assert max(found.batch_sizes) - min(found.batch_sizes) <= 1


def test_a_middling_list_can_pick_the_better_one_and_says_by_how_much_they_must_differ():
    found = plan(8_000, **PLAN)
    assert found.promise is Promise.SELECTS
    assert found.reach.selects < 0.02 < found.reach.proves


def test_a_small_list_is_told_what_it_can_still_tell():
    found = plan(1_000, **PLAN)
    assert found.promise is Promise.TOO_SMALL
    assert found.reach.selects == pytest.approx(0.043, abs=0.001)
    assert found.reach.proves == pytest.approx(0.1, abs=0.01)


def test_a_plan_counts_on_enough_responses_for_a_winner():
    found = plan(100_000, **{**PLAN, "base": 0.01, "lead": 0.1})
    assert found.to_prove > confirm_size(2, 0.01, 0.1, inflation=SEQUENTIAL_INFLATION)
    draws = np.random.default_rng(8).binomial(found.to_prove, [0.01, 0.11], size=(100_000, 2)).sum(axis=1)
    assert (draws < 20).mean() < 0.025


def test_an_empty_list_reaches_nothing():
    found = plan(0, **PLAN)
    assert (found.per_arm, found.promise, found.reach) == (0, Promise.TOO_SMALL, (None, None))


@pytest.mark.parametrize(
    "wrong", [{"batches": 3}, {"batches": 25}, {"largest_share": 0}, {"window_hours": 0}, {"spacing_hours": -1}]
)
def test_a_plan_with_impossible_numbers_is_refused(wrong):
    with pytest.raises(ValueError, match=r"batches|positive"):
        plan(1_000, **{**PLAN, **wrong})
