"""A test goes along with its email: pasted, duplicated, in a file; always as a new one that was not begun."""

import json
from typing import Any

import pytest

from abtests import selectors as tests
from abtests import services as abtests
from abtests.models import Experiment
from sequences import services
from sequences.exceptions import StepError
from sequences.models import Sequence
from team.models import Workspace
from templates_lib.services import create_template
from tests.factories import sequences as make
from tests.factories.team import WorkspaceFactory
from tests.integration.sequences.experiments import DAY, EMAIL, LAST, draft_step, planned, under_test

pytestmark = pytest.mark.django_db(transaction=True)

PLAN: dict[str, Any] = {
    "name": "Which one?",
    "metric": "reply",
    "window_hours": 48,
    "base": 0.1,
    "lead": 0.05,
    "versions": [{"name": "A"}, {"name": "B", "subject": "Two"}],
}


def plans(sequence: Sequence) -> list[dict[str, Any]]:
    found = Experiment.objects.filter(steps__version__sequence=sequence, steps__version__published_at=None)
    return [abtests.plan_document(experiment) for experiment in found]


def test_a_pasted_email_has_a_new_test_with_the_same_plan(workspace: Workspace) -> None:
    sequence, experiment = planned(workspace, [EMAIL, DAY, LAST])
    services.paste_steps(sequence, steps=services.fragment_of(sequence, key="hello"), position=3)
    one, other = plans(sequence)
    assert one == other
    assert Experiment.objects.filter(steps__version__sequence=sequence).distinct().count() == 2
    assert draft_step(sequence).experiment_id == experiment.pk


def test_a_copied_sequence_has_a_test_of_its_own_that_was_not_begun(workspace: Workspace) -> None:
    sequence, experiment = under_test(workspace, [EMAIL, DAY, LAST])
    other = services.create_sequence(workspace=workspace, name="Copy")
    services.copy_steps(sequence, to=other)
    copy = draft_step(other).experiment
    assert copy is not None
    assert (copy.state, copy.key == experiment.key) == (Experiment.State.PLANNED, False)
    assert abtests.plan_document(copy) == abtests.plan_document(experiment)
    services.publish(other)


def test_writing_a_document_back_leaves_the_emails_their_tests(workspace: Workspace) -> None:
    sequence, experiment = planned(workspace, [EMAIL, DAY, LAST])
    version = sequence.versions.get()
    document = services.fragment_of(sequence, key="hello")
    assert document[0]["experiment"] == experiment.pk
    document[0].pop("test")
    services.replace_draft(sequence, steps=[*document, LAST])
    assert draft_step(sequence).experiment_id == experiment.pk
    assert version.steps.count() == 2


def test_a_file_brings_the_test_along_with_the_content_of_its_versions(workspace: Workspace) -> None:
    sequence, experiment = planned(workspace, [EMAIL, DAY, LAST])
    template = create_template(workspace=workspace, name="Other", format="html", subject="x", source=make.SOURCE + "!")
    experiment.variants.filter(name="B").update(template_version=template.current_version)
    data = json.dumps(services.export_steps(sequence)).encode()
    elsewhere = services.create_sequence(workspace=WorkspaceFactory(), name="Elsewhere")
    services.import_steps(elsewhere, data=data)
    copy = draft_step(elsewhere).experiment
    assert copy is not None
    assert copy.workspace_id == elsewhere.workspace_id
    variant = tests.variants_of(copy)[1]
    assert variant.template_version is not None
    assert (variant.subject, variant.template_version.source) == ("Two", make.SOURCE + "!")
    assert variant.template_version.template.workspace_id == elsewhere.workspace_id


def test_a_document_plans_a_test(workspace: Workspace) -> None:
    sequence = make.make_document(workspace, [{**EMAIL, "test": PLAN}], publish=False)
    (plan,) = plans(sequence)
    assert {name: plan[name] for name in ("name", "metric", "window_hours", "base", "lead")} == {
        name: PLAN[name] for name in ("name", "metric", "window_hours", "base", "lead")
    }
    assert [version["subject"] for version in plan["versions"]] == ["", "Two"]


def test_a_factorial_test_comes_back_as_it_was(workspace: Workspace) -> None:
    sequence, experiment = planned(workspace, [EMAIL, DAY])
    abtests.set_factors(
        experiment,
        dimensions=["subject", "preheader"],
        levels={"subject": ["", "Two"], "preheader": ["", "Look", "Hear"]},
    )
    other = services.create_sequence(workspace=workspace, name="Copy")
    services.copy_steps(sequence, to=other)
    assert plans(other) == plans(sequence)
    assert len(plans(other)[0]["versions"]) == 6


@pytest.mark.parametrize(
    ("test", "path"),
    [
        ("soon", "steps.0.test"),
        ({**PLAN, "base": "much"}, "steps.0.test.base"),
        ({**PLAN, "base": 2}, "steps.0.test.base"),
        ({**PLAN, "window_hours": True}, "steps.0.test.window_hours"),
        ({**PLAN, "colour": "red"}, "steps.0.test.colour"),
        ({**PLAN, "dimensions": ["smell"]}, "steps.0.test.dimensions"),
        ({**PLAN, "dimensions": "subject"}, "steps.0.test.dimensions"),
        ({**PLAN, "versions": "two"}, "steps.0.test.versions"),
        ({**PLAN, "versions": [{"name": "A"}, {"subject": 3}]}, "steps.0.test.versions.1.subject"),
        ({**PLAN, "versions": [{"name": "A"}, {"send_at": "25:00"}]}, "steps.0.test.versions.1.send_at"),
        ({**PLAN, "versions": [{"name": "A"}, {"template_version": 0}]}, "steps.0.test.versions.1.template_version"),
        ({**PLAN, "versions": [{"what": 1}]}, "steps.0.test.versions.0.what"),
        ({**PLAN, "dimensions": ["subject", "preheader"], "versions": [{}, {}]}, "steps.0.test.versions.0.levels"),
        ({**PLAN, "versions": [{"name": str(number)} for number in range(9)]}, "steps.0.test.versions"),
    ],
)
def test_a_test_that_can_not_be_read_is_refused_where_it_is_wrong(workspace: Workspace, test: Any, path: str) -> None:
    sequence = services.create_sequence(workspace=workspace, name="Sequence")
    with pytest.raises(StepError) as caught:
        services.replace_steps(sequence, steps=[{**EMAIL, "test": test}])
    assert list(caught.value.fields) == [path]
    assert not Experiment.objects.exists()


def test_only_an_email_holds_a_test(workspace: Workspace) -> None:
    sequence = services.create_sequence(workspace=workspace, name="Sequence")
    with pytest.raises(StepError, match="Only an email"):
        services.replace_steps(sequence, steps=[{**DAY, "test": PLAN}])
