"""Every reference case of abtests.json: published values, and those of statsmodels, scipy and GrowthBook's gbstats."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import boschloo_exact, fisher_exact, norm

from abtests.statistics import (
    boundaries,
    critical_point,
    decide,
    difference,
    obrien_fleming_spend,
    probability_best,
    sample_ratio,
    select_size,
    thompson_weights,
    two_sample,
    wilson,
)
from abtests.statistics.always_valid import always_valid
from abtests.statistics.comparisons import fisher, omnibus
from abtests.statistics.delays import effective_trials, lognormal_curve
from abtests.statistics.factorial import factorial_effects
from abtests.statistics.guardrails import above_cap, no_worse
from abtests.statistics.intervals import relative_lift, wald_error
from abtests.statistics.planning import pairwise_size, selection_chance
from abtests.statistics.plans import sequential_cost
from abtests.statistics.verdicts import upper_gap

CASES = {case["id"]: case for case in json.loads(Path(__file__).with_name("abtests.json").read_text())["cases"]}


class Case:
    """A reference case, compared within its own tolerance, and with the published value within that one's."""

    def __init__(self, name: str) -> None:
        case = CASES[name]
        self.inputs, self.expected = case["inputs"], case["expected"]
        self.tolerance = {"rel" if case["tol_kind"] == "relative" else "abs": case["tol"] or 1e-12}
        self.published = case["published"]

    def holds(self, found, expected=None) -> None:
        expected = self.expected if expected is None else expected
        assert found == pytest.approx(expected, **{"rel": 0, "abs": 0, **self.tolerance})

    def is_published(self, found) -> None:
        assert found == pytest.approx(self.published["value"], rel=0, abs=self.published["tol"])

    @property
    def s(self):
        return self.inputs["s"]

    @property
    def n(self):
        return self.inputs["n"]


@pytest.fixture
def case(request) -> Case:
    """The case that the test's name starts with, as in `test_z01_…`."""
    prefix = request.node.name.split("_")[1]
    (name,) = [name for name in CASES if name.startswith(f"{prefix}_")]
    return Case(name)


def test_z01_pooled_z_and_p(case):
    case.holds(two_sample(case.s, case.n), [case.expected["z"], case.expected["p"]])


def test_z03_click_rates(case):
    case.holds(two_sample(case.s, case.n), [case.expected["z"], case.expected["p"]])


def test_z05_the_exact_test_of_few_replies_is_scipys(case):
    columns = np.array(case.inputs["table"])
    case.holds(fisher(columns[:, 0], columns.sum(axis=1)), case.expected["p"])
    case.holds(fisher_exact(columns).pvalue, case.expected["p"])
    # Boschloo's test isn't ours; the case says which way round its table goes.
    case.holds(boschloo_exact(columns.T).pvalue, case.expected["p_boschloo"])


def test_ci01_wilson(case):
    case.holds(wilson(case.s, case.n))
    case.is_published(wilson(case.s, case.n))


def test_ci03_wilson_without_successes_starts_at_zero(case):
    case.holds(wilson(case.s, case.n))
    case.is_published(wilson(case.s, case.n))
    assert wilson(case.s, case.n)[0] == 0.0


def test_ci05_newcombe(case):
    case.holds(difference(case.s, case.n))
    case.is_published(difference(case.s, case.n))


def test_ci07_wald(case):
    gap, reach = case.s[0] / case.n[0] - case.s[1] / case.n[1], ndtri(0.975) * wald_error(case.s, case.n)
    case.holds([gap - reach, gap + reach])
    case.is_published([gap - reach, gap + reach])


def test_k01_chi_square_of_four_arms(case):
    case.holds(omnibus(case.s, case.n), [case.expected["chi2"], case.expected["p"]])


def test_k03_the_leader_against_the_runner_up_unadjusted(case):
    assert max(zip(case.s, "ABCD", strict=True))[1] == case.expected["leader"]
    case.holds(two_sample([700, 660], [3000, 3000])[1], case.expected["p"])


def test_k05_bechhofers_points(case):
    found = [critical_point(arms) * 2**0.5 for arms in case.inputs["k"]]
    case.holds(found)
    case.is_published(found)


def test_n01_the_size_that_usual_calculators_name(case):
    given = case.inputs
    case.holds(pairwise_size(given["base"], given["delta"], power=given["power"]))


def test_n03_sizes_to_select(case):
    assert [select_size(arms, 0.2, 0.02) for arms in (2, 4)] == case.expected["open"]
    assert [select_size(arms, 0.03, 0.006) for arms in (2, 4)] == case.expected["click"]


def test_n05_the_exact_chance_to_select_the_best(case):
    plans = [(2, 0.2, 0.02, 2243), (4, 0.2, 0.02, 3526), (2, 0.03, 0.006, 4796), (4, 0.03, 0.006, 7537)]
    case.holds([selection_chance(*plan) for plan in plans])


def test_g01_five_equal_looks(case):
    found = boundaries(case.inputs["t"], obrien_fleming_spend(case.inputs["t"]))
    case.holds(found)
    case.is_published(found)


def test_g03_two_looks(case):
    found = boundaries(case.inputs["t"], obrien_fleming_spend(case.inputs["t"]))
    case.holds(found)
    case.is_published(found)


def test_g05_looks_at_uneven_steps(case):
    case.holds(boundaries(case.inputs["t"], obrien_fleming_spend(case.inputs["t"])))


def test_g07_what_24_looks_cost_and_save(case):
    cost = sequential_cost(case.inputs["K"], case.inputs["power"])
    case.holds(list(cost), [case.expected["inflation"], case.expected["expected_share_of_max"]])


def test_s01_an_interval_that_is_always_valid(case):
    found = always_valid(case.s, case.n, planned=case.inputs["nstar"])
    case.holds(list(found), [case.expected["diff"], *case.expected["ci"], case.expected["p"]])


def test_s03_growthbooks_published_interval(case):
    found = always_valid(case.s, case.n, planned=5000, relative=True)
    case.holds([found.difference, found.low, found.high], [case.expected["diff"], *case.expected["ci"]])
    case.is_published([found.difference, found.low, found.high])


def test_f01_relative_lift(case):
    lift = relative_lift(case.s, case.n)
    found = [lift.estimate, lift.low, lift.high, lift.p]
    case.holds(found, [case.expected["lift"], *case.expected["ci"], case.expected["p"]])
    case.is_published(found)


def test_b01_growthbooks_chance_to_win_follows_from_our_lift_and_its_error(case):
    lift = relative_lift(case.s, case.n)
    at = lift.estimate / lift.standard_error
    reach = ndtri(0.975) * lift.standard_error
    gained = lift.standard_error * norm.pdf(at) + lift.estimate * ndtr(at)
    case.holds(ndtr(at), case.expected["ctw"])
    case.holds([lift.estimate - reach, lift.estimate + reach], case.expected["ci"])
    case.holds([gained, gained - lift.estimate], case.expected["risk"])
    case.is_published(
        [ndtr(at), lift.estimate, lift.estimate - reach, lift.estimate + reach, gained, gained - lift.estimate]
    )


def test_b03_two_arms_under_a_flat_prior(case):
    best, loss = probability_best(case.s, case.n)
    case.holds(best, case.expected["p_best"])
    case.holds(loss, case.expected["loss"])


def test_b05_four_arms_under_a_flat_prior(case):
    best, loss = probability_best(case.s, case.n)
    case.holds(best, case.expected["p_best"])
    case.holds(loss, case.expected["loss"])


def test_b07_an_arm_without_successes(case):
    best, loss = probability_best(case.s, case.n)
    case.holds(best, case.expected["p_best"])
    case.holds(loss, case.expected["loss"])


def test_r01_a_sample_ratio_mismatch(case):
    case.holds(sample_ratio(case.n, case.inputs["w"]))
    case.is_published([sample_ratio(case.n, case.inputs["w"])])


def test_r03_a_mismatch_that_no_eye_sees(case):
    case.holds(sample_ratio(case.n))
    case.is_published([sample_ratio(case.n)])


def test_r05_arms_of_different_weights(case):
    case.holds(sample_ratio(case.n, case.inputs["w"]))


def test_h01_complaints_above_the_cap(case):
    case.holds(above_cap(case.inputs["x"], case.inputs["n"], case.inputs["cap"]))


def test_h03_no_worse_by_a_margin(case):
    case.holds(no_worse(case.s, case.n, case.inputs["margin"]), [case.expected["z"], case.expected["p"]])


def test_m01_two_by_two(case):
    cells = [{"subject": subject, "content": content} for subject, content in ((0, 0), (1, 0), (0, 1), (1, 1))]
    found = factorial_effects(case.inputs["opens"], case.n, cells)
    main = {effect.factor: effect for effect in found.effects if effect.level == 1}
    case.holds([found.intercept, main["subject"].coefficient, main["content"].coefficient], case.expected["coef_main"])
    case.holds([main["subject"].p, main["content"].p], case.expected["p_main"][1:])
    (interaction,) = found.interactions
    case.holds(interaction.coefficients[0], case.expected["interaction"])
    case.holds(interaction.statistic, case.expected["lrt"])
    case.holds(found.interaction_p, case.expected["p_interaction"])


def test_t01_shares_are_growthbooks_without_its_draws(case):
    case.holds(thompson_weights(case.s, case.n, floor=0.01), case.expected["weights"])


def test_t03_effective_trials(case):
    case.holds(effective_trials(case.inputs["sent"], case.inputs["age_h"], lognormal_curve(1.0, 1.2, window=24)))


@pytest.mark.parametrize("name", ["d01", "d03", "d05", "d07", "d09"])
def test_verdicts(name):
    (full,) = [full for full in CASES if full.startswith(name)]
    case = Case(full)
    given = case.inputs
    verdict = decide(
        case.s,
        case.n,
        lead=given["delta"],
        information=given.get("look_info"),
        spent=given.get("spent"),
        final=given.get("final", True),
        unsubscribes=given.get("unsubs"),
    )
    assert verdict.kind == case.expected["verdict"]
    assert "ABCD".index(case.expected["leader"]) == verdict.leader
    assert ["ABCD"[arm] for arm in verdict.blocked] == case.expected["blocked"]
    case.holds(
        [verdict.sample_ratio_p, verdict.probability_best, verdict.expected_loss],
        [case.expected["srm_p"], case.expected["prob_best"], case.expected["expected_loss"]],
    )
    if "z_min" in case.expected:
        case.holds([verdict.smallest_z, verdict.boundary], [case.expected["z_min"], case.expected["boundary"]])
    if "upper_gap" in case.expected:
        case.holds(upper_gap(case.s, case.n, 1, [0]), case.expected["upper_gap"])


def test_no_case_is_left_out():
    tested = {name.split("_")[1] for name in globals() if name.startswith("test_")} | {
        "d01",
        "d03",
        "d05",
        "d07",
        "d09",
    }
    assert {name.split("_")[0] for name in CASES} <= tested
