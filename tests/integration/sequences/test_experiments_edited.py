"""A test in a draft: put to an email, taken away, published, and locked while it runs."""

from datetime import datetime
from typing import Any

import pytest

from abtests import services as abtests
from abtests.models import Experiment, Variant
from delivery.models import Mailbox, Message
from sequences import selectors, services
from sequences.exceptions import SequenceError, StepError
from sequences.models import Sequence
from team.models import Workspace
from tests.factories import sequences as make
from tests.factories.team import UserFactory
from tests.integration.sequences.experiments import (
    DAY,
    EMAIL,
    LAST,
    draft_step,
    drawn,
    enter,
    live_step,
    plan,
    planned,
    subjects,
    under_test,
)

pytestmark = pytest.mark.django_db(transaction=True)


def codes(sequence: Sequence) -> list[str]:
    return [problem.code for problem in services.problems_of(sequence)]


def test_a_test_begins_with_two_versions_that_are_still_the_same(workspace: Workspace) -> None:
    sequence, experiment = planned(workspace, [EMAIL, DAY, LAST], subject="")
    assert experiment.state == Experiment.State.PLANNED
    assert experiment.design == "continuous"
    assert [step.key for step in selectors.experiment_steps(sequence)] == ["hello"]
    assert codes(sequence) == ["versions_alike"]
    with pytest.raises(StepError, match="Versions A and B are the same"):
        services.publish(sequence)


@pytest.mark.parametrize(
    ("key", "sentence"), [("day", "Only an email"), ("hello", "has a test already"), ("no", "gone")]
)
def test_only_an_email_without_a_test_can_have_one(workspace: Workspace, key: str, sentence: str) -> None:
    sequence, _ = planned(workspace, [EMAIL, DAY, LAST])
    with pytest.raises(StepError, match=sentence):
        services.add_experiment(sequence, key=key)


def test_putting_a_test_to_an_email_is_undone_and_redone(workspace: Workspace) -> None:
    sequence, experiment = planned(workspace, [EMAIL])
    services.undo(sequence)
    assert draft_step(sequence).experiment_id is None
    services.redo(sequence)
    assert draft_step(sequence).experiment_id == experiment.pk
    services.remove_experiment(sequence, key="hello")
    assert draft_step(sequence).experiment_id is None
    services.undo(sequence)
    assert draft_step(sequence).experiment_id == experiment.pk


def test_a_test_that_never_began_goes_with_its_draft(workspace: Workspace) -> None:
    sequence, experiment = planned(workspace, [EMAIL])
    services.remove_experiment(sequence, key="hello")
    assert Experiment.objects.filter(pk=experiment.pk).exists(), "an undo may bring it back"
    services.publish(sequence)
    assert not Experiment.objects.filter(pk=experiment.pk).exists()


@pytest.mark.parametrize(
    ("arm", "code"),
    [({"send_at": None, "subject": ""}, "versions_alike"), ({"subject": "Other"}, "thread_subject")],
)
def test_what_can_not_be_tested_keeps_the_sequence_from_being_published(
    workspace: Workspace, arm: dict[str, Any], code: str
) -> None:
    sequence, _ = planned(workspace, [EMAIL, DAY, {**LAST, "thread": True}], key="last", **arm)
    assert codes(sequence) == [code]


def test_a_version_that_can_not_be_made_is_named(workspace: Workspace) -> None:
    sequence, _ = planned(workspace, [EMAIL, DAY, LAST])
    services.publish(sequence)
    services.open_draft(sequence)
    plan(sequence, key="last", subject="{{ nonsense")
    with pytest.raises(StepError, match="Version B: "):
        services.publish_changes(sequence)


def test_a_test_of_a_running_email_begins_when_the_change_is_published(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime
) -> None:
    sequence = make.make_document(workspace, [EMAIL, DAY, LAST])
    before = make.make_contacts(workspace, 5, prefix="early")
    enter(sequence, before, mailbox, at_nine)
    services.open_draft(sequence)
    experiment = plan(sequence)
    preview = services.preview_publish(sequence)
    assert [(test.experiment, test.begins) for test in preview.tests] == [(experiment.pk, True)]
    assert preview.diff.summary == "1 changed"
    services.publish_changes(sequence)
    experiment.refresh_from_db()
    assert experiment.state == Experiment.State.RUNNING
    contacts = make.make_contacts(workspace, 30)
    enter(sequence, contacts, mailbox, at_nine)
    sent = subjects()
    assert {contact: sent[contact] for contact in contacts} == drawn(experiment)
    assert [sent[contact] for contact in before] == ["One"] * 5
    assert set(Message.objects.filter(contact__in=before).values_list("stratum", flat=True)) == {0}
    assert set(Message.objects.filter(contact__in=contacts).values_list("stratum", flat=True)) == {1}


@pytest.mark.parametrize("ended", [False, True], ids=["while it runs", "when it is over"])
def test_what_the_email_says_is_locked_once_its_test_has_begun(workspace: Workspace, *, ended: bool) -> None:
    sequence, experiment = under_test(workspace, [EMAIL, DAY, LAST])
    if ended:
        abtests.choose_winner(experiment, variant=experiment.variants.get(name="B"), by=UserFactory())
    services.open_draft(sequence)
    services.update_step(draft_step(sequence), subject="Changed")
    with pytest.raises(StepError, match="Take the test away"):
        services.publish_changes(sequence)


def test_other_steps_can_be_changed_and_the_test_goes_on(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime
) -> None:
    sequence, experiment = under_test(workspace, [EMAIL, DAY, LAST])
    contacts = make.make_contacts(workspace, 20)
    enter(sequence, contacts, mailbox, at_nine)
    mailings = set(Message.objects.values_list("contact_id", "mailing_id"))
    services.open_draft(sequence)
    services.update_step(draft_step(sequence, "last"), subject="Other")
    preview = services.preview_publish(sequence)
    assert (preview.tests, preview.replaced_messages) == ([], 0)
    services.publish_changes(sequence)
    experiment.refresh_from_db()
    assert experiment.state == Experiment.State.RUNNING
    assert set(Message.objects.values_list("contact_id", "mailing_id")) == mailings
    assert live_step(sequence).mailing_id == experiment.variants.get(name="A").mailing_id


@pytest.mark.parametrize("how", ["the test", "the email"])
def test_taking_away_the_test_or_its_email_ends_it(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime, how: str
) -> None:
    sequence, experiment = under_test(workspace, [EMAIL, DAY, LAST])
    enter(sequence, make.make_contacts(workspace, 20), mailbox, at_nine)
    queued = subjects()
    services.open_draft(sequence)
    if how == "the test":
        services.remove_experiment(sequence, key="hello")
    else:
        services.delete_step(sequence, key="hello")
    preview = services.preview_publish(sequence)
    assert [(test.name, test.begins) for test in preview.tests] == [(experiment.name, False)]
    assert preview.replaced_messages == 0
    assert preview.cancelled_messages == (0 if how == "the test" else 20)
    experiment.refresh_from_db()
    assert experiment.state == Experiment.State.RUNNING, "until it is published"
    services.publish_changes(sequence)
    experiment.refresh_from_db()
    assert experiment.state == Experiment.State.STOPPED
    if how == "the test":
        assert subjects() == queued, "what is queued of a version stays"
        later = make.make_contacts(workspace, 5, prefix="late")
        enter(sequence, later, mailbox, at_nine)
        assert {subjects()[contact] for contact in later} == {"One"}


def test_an_older_version_brings_its_test_back_as_it_ended(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime
) -> None:
    sequence, experiment = under_test(workspace, [EMAIL, DAY, LAST])
    services.open_draft(sequence)
    services.remove_experiment(sequence, key="hello")
    services.publish_changes(sequence)
    services.restore_version(sequence, number=1)
    services.publish_changes(sequence)
    experiment.refresh_from_db()
    assert experiment.state == Experiment.State.STOPPED
    contacts = make.make_contacts(workspace, 5)
    enter(sequence, contacts, mailbox, at_nine)
    assert subjects() == dict.fromkeys(contacts, "One")


def test_a_published_test_can_not_be_taken_away_without_a_draft(workspace: Workspace) -> None:
    sequence, _ = under_test(workspace, [EMAIL])
    with pytest.raises(SequenceError, match="published"):
        services.remove_experiment(sequence, key="hello")
    assert Variant.objects.count() == 2
