"""Looks, and how a test ends."""

import pytest

from abtests import selectors, services
from abtests.events import ExperimentDecided
from abtests.exceptions import ExperimentError
from abtests.models import Experiment
from abtests.statistics.records import Question
from core import bus
from tests.factories.abtests import make_experiment
from tests.factories.team import UserFactory

QUIET = {"complaints": [0, 0], "unsubscribes": [0, 0]}


@pytest.fixture
def announced(monkeypatch):
    """What was announced meanwhile."""
    seen: list[ExperimentDecided] = []
    monkeypatch.setitem(bus._decision_handlers, ExperimentDecided, [seen.append])
    return seen


def variant(experiment, name):
    return experiment.variants.get(name=name)


def test_a_look_that_proves_nothing_yet_lets_the_test_go_on(workspace, announced):
    experiment = make_experiment(workspace)
    look = services.record_look(experiment, responses=[20, 22], sent=[90, 90], **QUIET)
    assert (look.number, look.verdict["kind"]) == (1, "CONTINUE")
    assert experiment.state == Experiment.State.RUNNING
    assert announced == []


def test_a_look_at_a_handful_of_people_has_a_boundary_that_nothing_reaches(workspace):
    experiment = make_experiment(workspace)
    look = services.record_look(experiment, responses=[0, 2], sent=[9, 9], **QUIET)
    look.refresh_from_db()
    assert (look.verdict["kind"], look.verdict["boundary"]) == ("CONTINUE", None)


def test_counts_of_other_arms_are_refused(workspace):
    with pytest.raises(ValueError, match="don't fit"):
        services.record_look(make_experiment(workspace, 3), responses=[0, 2], sent=[9, 9], **QUIET)


def test_a_clear_lead_ends_the_test_early(workspace, announced):
    experiment = make_experiment(workspace)
    services.record_look(experiment, responses=[20, 22], sent=[90, 90], **QUIET)
    look = services.record_look(experiment, responses=[50, 110], sent=[270, 270], **QUIET)
    assert look.verdict["kind"] == "WINNER"
    assert (experiment.state, experiment.outcome) == (Experiment.State.DECIDED, "WINNER")
    assert experiment.winner == variant(experiment, "B")
    assert announced == [ExperimentDecided(experiment.pk, "WINNER", experiment.winner_id)]
    with pytest.raises(ExperimentError, match="running"):
        services.record_look(experiment, responses=[50, 110], sent=[270, 270], **QUIET)


def test_every_verdict_can_be_made_again_from_what_was_kept(workspace):
    experiment = make_experiment(workspace)
    for n, responses in ((90, [20, 22]), (180, [41, 40]), (270, [50, 110])):
        services.record_look(experiment, responses=responses, sent=[n, n], **QUIET)
    looks = selectors.looks_at(experiment)
    assert len(looks) == 3
    for look in looks:
        again = Question.from_json(look.question).answer()
        assert look.verdict == {
            **look.verdict,
            "kind": again.kind,
            "boundary": again.boundary,
            "smallest_z": again.smallest_z,
        }
        assert look.verdict["probability_best"] == again.probability_best
    spent = [look.question["spent"] for look in looks]
    assert spent[1][:1] == spent[0]
    assert spent[2][:2] == spent[1]


@pytest.mark.parametrize(
    ("without_proof", "winner"), [("leader", "B"), ("control", "A"), ("equal", None), ("ask", None)]
)
def test_at_the_deadline_without_proof_comes_what_was_chosen_beforehand(workspace, announced, without_proof, winner):
    experiment = make_experiment(workspace, lead=0.05, without_proof=without_proof)
    services.record_look(experiment, responses=[100, 115], sent=[500, 500], deadline=True, **QUIET)
    assert experiment.outcome == "LEADER_NOT_PROVEN"
    assert experiment.winner == (variant(experiment, winner) if winner else None)
    assert len(announced) == 1


def test_an_unproven_test_may_go_on_to_optimise_and_is_not_over_then(workspace, announced):
    experiment = make_experiment(workspace, lead=0.05, without_proof="bandit")
    services.record_look(experiment, responses=[100, 115], sent=[500, 500], deadline=True, **QUIET)
    assert (experiment.state, experiment.mode, experiment.outcome) == ("running", "bandit", "LEADER_NOT_PROVEN")
    assert [part.is_drawn for part in experiment.parts.all()] == [True] * 6
    assert announced == []
    with pytest.raises(ExperimentError, match="running"):
        services.record_look(experiment, responses=[100, 115], sent=[500, 500], **QUIET)


def test_a_control_that_does_harm_is_not_sent_even_if_it_was_to_be(workspace):
    experiment = make_experiment(workspace, 3, without_proof="control")
    services.record_look(
        experiment, responses=[100, 110, 112], sent=[500] * 3, complaints=[9, 0, 0], unsubscribes=[0] * 3, deadline=True
    )
    assert (experiment.outcome, experiment.winner) == ("NO_MEANINGFUL_DIFFERENCE", variant(experiment, "C"))


def test_when_all_arms_do_harm_nothing_is_sent(workspace, announced):
    experiment = make_experiment(workspace)
    services.record_look(experiment, responses=[9, 9], sent=[500, 500], complaints=[9, 9], unsubscribes=[0, 0])
    assert (experiment.outcome, experiment.winner) == ("ALL_BLOCKED", None)
    assert announced[0].variant_id is None


def test_a_broken_split_decides_for_nobody(workspace):
    experiment = make_experiment(workspace)
    services.record_look(experiment, responses=[90, 200], sent=[400, 700], **QUIET)
    assert (experiment.outcome, experiment.winner) == ("INVALID_SRM", None)


def test_a_person_chooses_and_it_is_written_down(workspace, announced):
    experiment, ada = make_experiment(workspace), UserFactory()
    services.choose_winner(experiment, variant=variant(experiment, "A"), by=ada)
    assert (experiment.outcome, experiment.decided_by) == ("by_hand", ada)
    assert announced == [ExperimentDecided(experiment.pk, "by_hand", variant(experiment, "A").pk)]


def test_who_was_asked_may_choose_and_nobody_twice(workspace):
    experiment, ada = make_experiment(workspace, lead=0.05, without_proof="ask"), UserFactory()
    services.record_look(experiment, responses=[100, 115], sent=[500, 500], deadline=True, **QUIET)
    services.choose_winner(experiment, variant=variant(experiment, "B"), by=ada)
    with pytest.raises(ExperimentError, match="has its winner"):
        services.choose_winner(experiment, variant=variant(experiment, "A"), by=ada)


def test_an_arm_of_another_test_cannot_be_chosen(workspace):
    experiment, other = make_experiment(workspace), make_experiment(workspace)
    with pytest.raises(ExperimentError, match="another test"):
        services.choose_winner(experiment, variant=variant(other, "A"), by=UserFactory())
