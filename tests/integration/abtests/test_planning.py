"""Planning a test and locking its arms."""

import subprocess
import sys

import pytest

from abtests import selectors, services
from abtests.exceptions import ExperimentError
from abtests.models import Experiment
from core.exceptions import InvalidInput, NotFound
from tests.factories.abtests import make_experiment
from tests.factories.delivery import make_mailing
from tests.factories.team import WorkspaceFactory

PLAN = {"name": "Which subject?", "window_hours": 24, "base": 0.03, "lead": 0.006}


def test_a_test_with_two_arms_starts_and_its_arms_are_locked(workspace):
    experiment = make_experiment(workspace)
    assert experiment.state == Experiment.State.RUNNING
    assert experiment.started_at is not None
    assert [variant.name for variant in selectors.variants_of(experiment)] == ["A", "B"]
    with pytest.raises(ExperimentError, match="locked"):
        services.add_variant(experiment, name="C")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "), ("metric", "mood"), ("without_proof", "prayer"), ("window_hours", 0), ("batches", 3), ("batches", 25),
        ("base", 0), ("base", 1.2), ("lead", 0), ("lead", 0.97),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused_at_its_field(workspace, field, value):
    with pytest.raises(InvalidInput) as refused:
        services.create_experiment(workspace, **{**PLAN, field: value})
    assert list(refused.value.fields) == [field]


def test_a_test_of_one_arm_or_of_nine_is_none(workspace):
    lonely = make_experiment(workspace, 1, started=False)
    with pytest.raises(ExperimentError, match="at least 2"):
        services.start(lonely)
    crowded = make_experiment(workspace, 8, started=False)
    with pytest.raises(ExperimentError, match="at most 8"):
        services.add_variant(crowded)


def test_an_arm_without_content_is_named(workspace):
    experiment = make_experiment(workspace, 2, started=False)
    services.add_variant(experiment, name="Unwritten")
    with pytest.raises(ExperimentError, match="Unwritten"):
        services.start(experiment)


def test_another_workspaces_mailing_is_not_there(workspace):
    experiment = services.create_experiment(workspace, **PLAN)
    with pytest.raises(InvalidInput, match="no such mailing"):
        services.add_variant(experiment, name="A", mailing=make_mailing(WorkspaceFactory(slug="other")))


def test_another_workspaces_test_is_not_there(workspace):
    experiment = make_experiment(workspace)
    assert selectors.experiment_in(workspace, experiment.pk) == experiment
    with pytest.raises(NotFound):
        selectors.experiment_in(WorkspaceFactory(slug="other"), experiment.pk)


def test_a_test_pauses_and_goes_on(workspace):
    experiment = make_experiment(workspace)
    services.pause(experiment)
    with pytest.raises(ExperimentError, match="running"):
        services.record_look(experiment, responses=[1, 2], sent=[9, 9], complaints=[0, 0], unsubscribes=[0, 0])
    services.resume(experiment)
    assert experiment.state == Experiment.State.RUNNING
    with pytest.raises(ExperimentError, match="paused"):
        services.resume(experiment)
    with pytest.raises(ExperimentError, match="planned"):
        services.start(experiment)


def test_processes_that_take_no_looks_do_not_load_numpy():
    program = "import django; django.setup(); import sys, abtests.services; print('numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
