"""P(best) and expected loss."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import betaln

from abtests.statistics import probability_best
from tests.unit.abtests.strategies import counts


def closed_form(a1, b1, a2, b2):
    """P(second > first) of two betas with whole a2.  Source: Miller 2014, "Formulas for Bayesian A/B testing"."""
    i = np.arange(a2)
    return float(np.exp(betaln(a1 + i, b1 + b2) - np.log(b2 + i) - betaln(1 + i, b2) - betaln(a1, b1)).sum())


@given(counts(arms=st.just(2)))
def test_two_arms_are_what_the_closed_form_says(found):
    (s1, s2), (n1, n2) = found
    best, _ = probability_best([s1, s2], [n1, n2])
    assert best[1] == pytest.approx(closed_form(1 + s1, 1 + n1 - s1, 1 + s2, 1 + n2 - s2), abs=1e-7)


@given(counts())
def test_somebody_is_the_best_and_the_losses_differ_as_the_means_do(found):
    successes, trials = found
    best, loss = probability_best(successes, trials)
    assert sum(best) == pytest.approx(1)
    means = (np.array(successes) + 1) / (np.array(trials) + 2)
    assert np.array(loss) + means == pytest.approx(loss[0] + means[0], abs=1e-7)


@given(counts(), st.integers(0, 7), st.integers(1, 500))
def test_a_success_more_makes_an_arm_no_worse(found, arm, more):
    successes, trials = found
    assume(arm < len(trials) and successes[arm] + more <= trials[arm])
    ahead = [s + more * (i == arm) for i, s in enumerate(successes)]
    assert probability_best(ahead, trials)[0][arm] >= probability_best(successes, trials)[0][arm] - 1e-7
    assert probability_best(ahead, trials)[1][arm] <= probability_best(successes, trials)[1][arm] + 1e-7


@given(st.integers(2, 8), st.integers(0, 1000))
def test_arms_alike_are_equally_likely(arms, successes):
    best, loss = probability_best([successes] * arms, [1000] * arms)
    assert best == pytest.approx([1 / arms] * arms)
    assert len({round(value, 9) for value in loss}) == 1


def test_four_arms_agree_with_a_million_draws():
    successes, trials = [60, 66, 62, 75], [300, 310, 290, 305]
    draws = np.random.default_rng(3).beta(
        np.array(successes) + 1, np.array(trials) - successes + 1, size=(1_000_000, 4)
    )
    best, loss = probability_best(successes, trials)
    assert np.bincount(draws.argmax(axis=1), minlength=4) / 1e6 == pytest.approx(best, abs=2.5e-3)
    assert draws.max(axis=1).mean() - draws.mean(axis=0) == pytest.approx(loss, abs=2e-4)


def test_an_enormous_test_is_certain():
    best, loss = probability_best([200_000_000, 200_200_000], [1_000_000_000] * 2)
    assert best == pytest.approx([0, 1])
    assert loss == pytest.approx([0.0002, 0], abs=1e-9)


def test_nothing_known_is_even():
    best, loss = probability_best([0, 0], [0, 0])
    assert (*best, *loss) == pytest.approx((0.5, 0.5, 1 / 6, 1 / 6))


def test_one_arm_is_the_best():
    assert probability_best([3], [10]) == ([1.0], [0.0])
