from datetime import timedelta

import pytest
from django.test import override_settings

from sequences import selectors, services
from sequences.exceptions import StepError
from templates_lib.models import Template, TemplateVersion
from tests.factories.sequences import make_sequence
from tests.factories.team import WorkspaceFactory

DAY = timedelta(days=1)


def shape(sequence):
    steps = selectors.steps_of(selectors.shown_version(sequence))
    return [step.wait or step.subject for step in steps]


def keys(sequence):
    return [step.key for step in selectors.steps_of(selectors.shown_version(sequence))]


@pytest.fixture
def sequence(workspace):
    return make_sequence(workspace, ["A", DAY, "B"], publish=False)


def test_a_step_is_added_at_the_end_or_at_a_place(sequence):
    services.add_step(sequence, kind="email", subject="C", position=0)
    services.add_step(sequence, kind="email", subject="D")
    assert shape(sequence) == ["C", "A", DAY, "B", "D"]


def test_steps_are_removed_without_a_gap(sequence):
    services.remove_step(selectors.steps_of(selectors.draft_version(sequence))[1])
    assert shape(sequence) == ["A", "B"]
    assert [step.position for step in selectors.steps_of(selectors.draft_version(sequence))] == [0, 1]


def test_steps_are_reordered_by_their_keys(sequence):
    a, wait, b = keys(sequence)
    services.reorder_steps(sequence, keys=[b, wait, a])
    assert shape(sequence) == ["B", DAY, "A"]


def test_an_order_that_misses_or_invents_a_step_is_refused(sequence):
    a, wait, b = keys(sequence)
    for order in ([a, b], [a, wait, b, b], [a, wait, "made-up"]):
        with pytest.raises(StepError):
            services.reorder_steps(sequence, keys=order)
    assert keys(sequence) == [a, wait, b]


def test_replacing_keeps_the_keys_that_are_named_and_gives_new_ones_to_the_rest(sequence):
    a, _, _ = keys(sequence)
    services.replace_steps(
        sequence,
        steps=[
            {"kind": "email", "subject": "New"},
            {"kind": "email", "key": a, "subject": "A again"},
            {"kind": "email", "key": a, "subject": "A twice"},
            {"kind": "wait", "wait": DAY, "key": "unknown"},
        ],
    )
    assert shape(sequence) == ["New", "A again", "A twice", DAY]
    assert keys(sequence)[1] == a
    assert len(set(keys(sequence))) == 4


def test_a_copy_has_the_same_steps(sequence, workspace):
    other = services.create_sequence(workspace=workspace, name="Copy")
    services.copy_steps(sequence, to=other)
    assert shape(other) == shape(sequence)
    services.publish(other)
    assert shape(other) == shape(sequence)


def test_subjects_become_one_line(sequence):
    step = services.add_step(sequence, kind="email", subject=" Hello\r\n  world ")
    assert step.subject == "Hello world"


@pytest.mark.parametrize("wait", [timedelta(0), timedelta(days=-1), timedelta(days=731), "3 days"])
def test_waits_that_make_no_sense_are_refused(sequence, wait):
    with pytest.raises(StepError) as error:
        services.add_step(sequence, kind="wait", wait=wait)
    assert "wait" in error.value.fields


@pytest.mark.parametrize(("kind", "fields"), [("email", {"wait": DAY}), ("wait", {"subject": "x"}), ("dance", {})])
def test_fields_of_another_kind_and_unknown_kinds_are_refused(sequence, kind, fields):
    with pytest.raises(StepError):
        services.add_step(sequence, kind=kind, **fields)


def test_an_error_in_a_list_of_steps_says_where(sequence):
    with pytest.raises(StepError) as error:
        services.replace_steps(sequence, steps=[{"kind": "email"}, {"kind": "wait", "wait": timedelta(0)}])
    assert list(error.value.fields) == ["steps.1.wait"]
    assert shape(sequence) == ["A", DAY, "B"]


def test_the_number_of_steps_is_limited(sequence):
    with override_settings(MAX_SEQUENCE_STEPS=4):
        services.add_step(sequence, kind="email")
        with pytest.raises(StepError, match="at most 4"):
            services.add_step(sequence, kind="email")
        with pytest.raises(StepError, match="at most 4"):
            services.replace_steps(sequence, steps=[{"kind": "email"}] * 5)


def test_a_template_of_another_workspace_is_refused(sequence):
    template = Template.objects.create(workspace=WorkspaceFactory(), name="Theirs")
    version = TemplateVersion.objects.create(template=template, number=1, source="<p>Secret</p>")
    with pytest.raises(StepError, match="no such template"):
        services.add_step(sequence, kind="email", template_version=version)


def test_a_steps_own_words_win_over_the_templates(workspace):
    template = Template.objects.create(workspace=workspace, name="Ours")
    version = TemplateVersion.objects.create(
        template=template, number=1, format="text", subject="Theirs", preheader="Before", source="Hello"
    )
    sequence = services.create_sequence(workspace=workspace, name="S")
    step = services.add_step(sequence, kind="email", template_version=version, subject="Ours")
    assert services.content_of(step) == {
        "format": "text",
        "subject": "Ours",
        "preheader": "Before",
        "source": "Hello",
        "text_source": "",
    }


def test_changes_of_steps_are_in_the_trail_of_their_workspace(sequence, workspace):
    from team.models import AuditEntry

    step = selectors.steps_of(selectors.draft_version(sequence))[0]
    services.update_step(step, subject="Changed")
    entry = AuditEntry.objects.filter(table="sequences_step", workspace_id=workspace.pk).latest("id")
    assert (entry.action, entry.row_id) == ("UPDATE", str(step.pk))
    assert ((entry.before or {})["subject"], (entry.after or {})["subject"]) == ("A", "Changed")
