"""Effects of several factors."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from abtests.statistics.comparisons import omnibus
from abtests.statistics.factorial import factorial_effects

SQUARE = [{"subject": subject, "content": content} for content, subject in product(range(2), range(2))]


def test_effects_that_add_up_are_found_and_nothing_else():
    cells = [{"a": a, "b": b} for a, b in product(range(3), range(2))]
    truth = {("a", 0): -0.3, ("a", 1): 0.1, ("a", 2): 0.2, ("b", 0): -0.25, ("b", 1): 0.25}
    size = 10_000_000
    rates = expit([-1.5 + truth["a", cell["a"]] + truth["b", cell["b"]] for cell in cells])
    found = factorial_effects(np.round(rates * size), [size] * 6, cells)
    assert found.intercept == pytest.approx(-1.5, abs=1e-4)
    assert {(one.factor, one.level): one.coefficient for one in found.effects} == pytest.approx(truth, abs=1e-4)
    assert found.freedom == 2
    assert found.interaction_p > 0.9


def test_an_interaction_is_seen():
    found = factorial_effects([300, 500, 500, 300], [2000] * 4, SQUARE)
    assert found.interaction_p < 1e-6
    assert all(one.p > 0.9 for one in found.effects)
    assert found.interactions[0].factors == ("subject", "content")


@given(st.lists(st.integers(1, 1999), min_size=4, max_size=4))
def test_naming_the_levels_the_other_way_round_turns_the_effects_around(successes):
    turned = [{**cell, "subject": 1 - cell["subject"]} for cell in SQUARE]
    one = factorial_effects(successes, [2000] * 4, SQUARE)
    other = factorial_effects(successes, [2000] * 4, turned)
    pairs = zip(one.effects, other.effects, strict=True)
    for first, second in pairs:
        sign = -1 if first.factor == "subject" else 1
        assert second.coefficient == pytest.approx(sign * first.coefficient, abs=1e-5)
    assert other.statistic == pytest.approx(one.statistic, abs=1e-5)


def test_three_factors_have_three_pairs():
    cells = [{"a": a, "b": b, "c": c} for a, b, c in product(range(2), repeat=3)]
    found = factorial_effects([100, 120, 110, 150, 90, 130, 140, 200], [1000] * 8, cells)
    assert [one.factors for one in found.interactions] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found.freedom == 3
    assert len(found.effects) == 6


def test_one_factor_has_effects_and_no_interactions():
    found = factorial_effects([200, 250, 300], [1000] * 3, [{"a": 0}, {"a": 1}, {"a": 2}])
    assert (found.interactions, found.interaction_p) == ((), None)
    assert sum(one.coefficient for one in found.effects) == pytest.approx(0)
    assert min(one.p for one in found.effects) < 0.01 > omnibus([200, 250, 300], [1000] * 3)[1]
    assert found.effects[2].odds_ratio > 1.2


def test_without_one_cell_the_main_effects_remain():
    found = factorial_effects([400, 450, 440], [2000] * 3, SQUARE[:3])
    assert (found.interactions, found.interaction_p) == ((), None)
    assert len(found.effects) == 4


def test_a_cell_without_responses_is_no_reason_to_fail():
    found = factorial_effects([0, 40, 50, 60], [1000] * 4, SQUARE)
    assert found.interaction_p < 0.01
    assert np.isfinite(found.interactions[0].coefficients).all()


@pytest.mark.parametrize(
    ("successes", "cells", "message"),
    [
        ([1, 2, 3, 4], SQUARE[:3], "its cell"),
        ([1, 2], [{"a": 0}, {"b": 1}], "every factor"),
        ([1, 2], [{}, {}], "every factor"),
        ([1, 2], [{"a": 0}, {"a": 0}], "at least two"),
        ([1, 2], [{"a": 0}, {"a": 2}], "at least two"),
        ([0, 0, 2, 3], SQUARE, "Nobody or everybody"),
        ([3, 4], [{"a": 0, "b": 0}, {"a": 1, "b": 1}], "apart"),
    ],
)
def test_designs_that_cannot_be_told_are_refused_in_words(successes, cells, message):
    with pytest.raises(ValueError, match=message):
        factorial_effects(successes, [100] * len(successes), cells)
