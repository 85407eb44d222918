"""What `decide()` says, gate by gate."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from abtests.statistics import Kind, boundaries, decide, obrien_fleming_spend
from abtests.statistics.verdicts import decide_stratified
from tests.unit.abtests.strategies import counts, equal_counts

HALF = {"information": [1 / 6, 1 / 3, 1 / 2], "spent": obrien_fleming_spend([1 / 6, 1 / 3, 1 / 2])}


@given(st.one_of(counts(), equal_counts()), st.randoms(), st.booleans())
def test_the_order_of_the_arms_does_not_matter(found, random, final):
    successes, trials = found
    rates = sorted((s / n if n else 0.0) for s, n in zip(successes, trials, strict=True))
    assume(len(set(rates)) == len(rates))
    order = random.sample(range(len(trials)), len(trials))
    one = decide(successes, trials, lead=0.02, final=final, **HALF)
    other = decide([successes[i] for i in order], [trials[i] for i in order], lead=0.02, final=final, **HALF)
    assert other.kind is one.kind
    assert other.leader == order.index(one.leader)
    assert other.smallest_z == pytest.approx(one.smallest_z)
    assert other.probability_best == pytest.approx(one.probability_best, abs=1e-7)
    assert other.expected_loss == pytest.approx(one.expected_loss, abs=1e-7)


@given(equal_counts(), st.integers(1, 1000))
def test_more_responses_for_the_leader_never_weaken_it(found, more):
    before = decide(*found, lead=0.02)
    ahead = [min(s + more, n) if arm == before.leader else s for arm, (s, n) in enumerate(zip(*found, strict=True))]
    after = decide(ahead, found[1], lead=0.02)
    assert after.leader == before.leader
    assert after.smallest_z >= before.smallest_z - 1e-9
    assert after.probability_best >= before.probability_best - 1e-7


@given(equal_counts(), st.floats(0.001, 0.5))
def test_who_is_proven_does_not_depend_on_the_lead_that_was_planned(found, lead):
    assert (decide(*found, lead=lead).kind is Kind.WINNER) == (decide(*found, lead=0.02).kind is Kind.WINNER)


@given(equal_counts(size=st.integers(1, 400)))
def test_a_look_before_the_end_only_goes_on_or_ends_for_good(found):
    verdict = decide(*found, lead=0.02, final=False, **HALF)
    assert verdict.kind in {Kind.WINNER, Kind.CONTINUE}
    assert verdict.boundary == pytest.approx(boundaries(HALF["information"], HALF["spent"])[-1])


@given(equal_counts())
def test_a_test_with_one_look_is_never_won_before_its_end(found):
    assert decide(*found, lead=0.02, final=False).kind is Kind.CONTINUE


@given(counts(sizes=st.integers(0, 2_000_000_000)))
def test_no_counts_break_it(found):
    verdict = decide(*found, lead=0.02, complaints=[0] * len(found[0]), unsubscribes=[0] * len(found[0]))
    assert 0 <= verdict.probability_best <= 1 + 1e-9
    assert 0 <= verdict.expected_loss <= 1
    assert 0 <= verdict.sample_ratio_p <= 1


def test_a_winner_needs_a_lead_over_every_other_arm():
    assert decide([2000, 2200, 2205], [10000] * 3, lead=0.02).kind is not Kind.WINNER
    assert decide([2000, 2200, 2405], [10000] * 3, lead=0.02).kind is Kind.WINNER


def test_a_lead_that_may_be_real_but_is_not_proven_makes_a_leader():
    verdict = decide([200, 230], [1000, 1000], lead=0.05)
    assert (verdict.kind, verdict.leader) == (Kind.LEADER_NOT_PROVEN, 1)
    assert verdict.probability_best == pytest.approx(0.95, abs=0.01)


def test_arms_that_differ_by_less_than_the_lead_are_as_good_as_equal():
    assert decide([2000, 2020], [10000, 10000], lead=0.02).kind is Kind.NO_MEANINGFUL_DIFFERENCE
    assert decide([2000, 2020], [10000, 10000], lead=0.01).kind is Kind.LEADER_NOT_PROVEN


@pytest.mark.parametrize("responses", [0, 1000])
def test_nobody_and_everybody_prove_nothing(responses):
    verdict = decide([responses] * 3, [1000] * 3, lead=0.02)
    assert verdict.smallest_z == 0.0
    assert verdict.kind is (Kind.INSUFFICIENT_DATA if not responses else Kind.NO_MEANINGFUL_DIFFERENCE)


def test_nothing_sent_is_too_little():
    verdict = decide([0, 0], [0, 0], lead=0.02)
    assert (verdict.kind, verdict.sample_ratio_p) == (Kind.INSUFFICIENT_DATA, 1.0)
    assert decide([0, 0], [0, 0], lead=0.02, final=False, information=[0], spent=[0]).kind is Kind.CONTINUE


def test_nineteen_events_never_prove_a_winner_and_twenty_may():
    assert decide([0, 19], [300, 300], lead=0.02).kind is Kind.INSUFFICIENT_DATA
    assert decide([0, 20], [300, 300], lead=0.02).kind is Kind.WINNER


def test_where_few_responded_the_exact_test_must_agree():
    # Against the third arm z is 2.1 and p 0.037, but Fisher's exact p is 0.06.
    verdict = decide([14, 6, 5], [300, 330, 300], lead=0.02)
    assert verdict.smallest_z > verdict.boundary
    assert verdict.kind is Kind.LEADER_NOT_PROVEN


def test_a_broken_split_is_told_before_anything_else():
    verdict = decide([2000, 3000], [10000, 11000], lead=0.02)
    assert verdict.kind is Kind.INVALID_SRM
    assert verdict.sample_ratio_p < 0.001


def test_an_arm_that_people_complain_about_cannot_win():
    verdict = decide([1000, 1500, 1100], [5000] * 3, lead=0.02, complaints=[2, 14, 3])
    assert verdict.blocked == (1,)
    assert (verdict.kind, verdict.leader) == (Kind.WINNER, 2)


def test_of_two_arms_the_one_that_drives_people_away_leaves_the_other_at_once():
    verdict = decide([1000, 1200], [5000, 5000], lead=0.02, unsubscribes=[22, 60], final=False, **HALF)
    assert (verdict.kind, verdict.leader, verdict.blocked) == (Kind.ONLY_SAFE_ARM, 0, (1,))


def test_when_all_arms_do_harm_none_leads():
    verdict = decide([1000, 1200], [5000, 5000], lead=0.02, complaints=[14, 15])
    assert (verdict.kind, verdict.leader, verdict.blocked) == (Kind.ALL_BLOCKED, None, (0, 1))


def test_one_arm_alone_is_the_only_safe_one():
    verdict = decide([10], [100], lead=0.02)
    assert (verdict.kind, verdict.probability_best, verdict.expected_loss) == (Kind.ONLY_SAFE_ARM, 1.0, 0.0)


@pytest.mark.parametrize(
    ("successes", "trials", "more", "message"),
    [
        ([], [], {}, "one number an arm"),
        ([1, 2], [10], {}, "don't fit"),
        ([11, 2], [10, 10], {}, "more successes than trials"),
        ([-1, 2], [10, 10], {}, "not negative"),
        ([float("nan"), 2], [10, 10], {}, "finite"),
        ([1.5, 2], [10, 10], {}, "whole numbers"),
        ([1, 2], [10, 10], {"lead": 0}, "planned lead"),
        ([1, 2], [10, 10], {"lead": 2}, "planned lead"),
        ([1, 2], [10, 10], {"information": [1]}, "come together"),
        ([1, 2], [10, 10], {"information": [1, 2], "spent": [0.01]}, "don't fit"),
        ([1, 2], [10, 10], {"information": [1], "spent": [1.5]}, "between 0 and 1"),
        ([1, 2], [10, 10], {"complaints": [1]}, "don't fit"),
        ([1, 2], [10, 10], {"unsubscribes": [11, 0]}, "more unsubscribes than trials"),
    ],
)
def test_counts_that_do_not_fit_are_refused_in_words(successes, trials, more, message):
    with pytest.raises(ValueError, match=message):
        decide(successes, trials, **{"lead": 0.02, **more})


def test_a_send_time_test_compares_within_its_strata():
    # The late slot is the better one in each time zone; added up, the zone that answers little hides it.
    successes, trials = [[300, 380], [30, 60]], [[1000, 1000], [1000, 1000]]
    verdict = decide_stratified(successes, trials, lead=0.05)
    assert (verdict.kind, verdict.leader) == (Kind.WINNER, 1)
    assert verdict.smallest_z > decide([330, 440], [2000, 2000], lead=0.05).smallest_z


@given(equal_counts(size=st.integers(2, 5000)))
def test_one_stratum_says_what_no_strata_say(found):
    successes, trials = found
    one, none = decide_stratified([successes], [trials], lead=0.02), decide(successes, trials, lead=0.02)
    assert one.leader == none.leader
    assert one.smallest_z == pytest.approx(none.smallest_z * ((2 * trials[0] - 1) / (2 * trials[0])) ** 0.5, abs=1e-9)
