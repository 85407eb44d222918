"""An email under test goes out in its versions: each contact gets one, and always the same."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from abtests import services as abtests
from abtests.models import Assignment, Experiment, Variant
from delivery.events import MessagesAccepted
from delivery.models import Mailbox, Message
from sequences import selectors, services
from sequences.models import Enrolment, Sequence
from team.models import Workspace
from tests.factories import sequences as make
from tests.factories.team import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = {"key": "hello", "kind": "email", "subject": "One", "source": make.SOURCE}
LAST = {"key": "last", "kind": "email", "subject": "Last", "source": make.SOURCE}
DAY = {"kind": "wait", "wait": "P1D"}


def under_test(
    workspace: Workspace, steps: list[Any], *, key: str = "hello", **arms: Any
) -> tuple[Sequence, Experiment]:
    """Publish a sequence whose email `key` is tested against the subject "Two"."""
    sequence = make.make_document(workspace, steps, publish=False)
    experiment = services.add_experiment(sequence, key=key)
    Variant.objects.filter(experiment=experiment, name="B").update(**(arms or {"subject": "Two"}))
    services.publish(sequence)
    experiment.refresh_from_db()
    return sequence, experiment


def subjects() -> dict[int, str]:
    """Return the subject that each contact was sent."""
    return {message.contact_id or 0: message.mailing.subject for message in Message.objects.select_related("mailing")}


def drawn(experiment: Experiment) -> dict[int, str]:
    """Return each contact's subject by the arm that was kept."""
    found = Assignment.objects.filter(experiment=experiment).select_related("variant")
    return {each.contact_id: each.variant.subject or "One" for each in found}


def enter(sequence: Sequence, contacts: list[int], mailbox: Mailbox, at: datetime, *, at_once: bool = False) -> None:
    services.enrol_contacts(
        sequence=sequence,
        contact_ids=contacts,
        mailbox_ids=[mailbox.pk] * len(contacts),
        due_at=at,
        now=at,
        send_at_once=at_once,
    )
    services.advance_due(now=at)


def test_publishing_gives_each_version_its_mailing_and_starts_the_test(workspace: Workspace, at_nine: datetime) -> None:
    sequence, experiment = under_test(workspace, [EMAIL, DAY, LAST])
    control, other = experiment.variants.all()
    step = sequence.live_version.steps.get(key="hello")  # type: ignore[union-attr]  # it was just published
    assert experiment.state == Experiment.State.RUNNING
    assert control.mailing_id == step.mailing_id
    assert (other.mailing.subject, other.mailing.source) == ("Two", step.mailing.source)  # type: ignore[union-attr]  # it has both
    last = sequence.live_version.steps.get(key="last").mailing_id  # type: ignore[union-attr]  # it was just published
    assert selectors.mailing_ids(sequence) == [control.mailing_id, other.mailing_id, last]


@pytest.mark.parametrize("at_once", [False, True], ids=["by the engine", "at entry"])
def test_each_contact_gets_the_version_that_was_drawn(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime, *, at_once: bool
) -> None:
    sequence, experiment = under_test(workspace, [EMAIL, DAY, LAST])
    contacts = make.make_contacts(workspace, 60)
    enter(sequence, contacts, mailbox, at_nine, at_once=at_once)
    assert subjects() == drawn(experiment)
    assert set(subjects().values()) == {"One", "Two"}
    assert set(Message.objects.values_list("key", flat=True)) == {
        f"e{pk}:hello:0" for pk in Enrolment.objects.values_list("pk", flat=True)
    }


@pytest.mark.parametrize("at_once", [False, True], ids=["by the engine", "at entry"])
def test_after_the_decision_everybody_new_gets_the_winner(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime, *, at_once: bool
) -> None:
    sequence, experiment = under_test(workspace, [EMAIL])
    winner = experiment.variants.get(name="B")
    abtests.choose_winner(experiment, variant=winner, by=UserFactory())
    contacts = make.make_contacts(workspace, 20)
    enter(sequence, contacts, mailbox, at_nine, at_once=at_once)
    assert subjects() == dict.fromkeys(contacts, "Two")
    assert not Assignment.objects.exists(), "they are no part of the test"


def test_while_the_test_is_paused_whoever_comes_by_gets_the_control(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime
) -> None:
    sequence, experiment = under_test(workspace, [EMAIL])
    abtests.pause(experiment)
    contacts = make.make_contacts(workspace, 20)
    enter(sequence, contacts, mailbox, at_nine)
    assert subjects() == dict.fromkeys(contacts, "One")
    assert not Assignment.objects.exists()


def test_acceptance_of_any_version_leads_on(workspace: Workspace, mailbox: Mailbox, at_nine: datetime) -> None:
    sequence, _ = under_test(workspace, [EMAIL, DAY, LAST])
    enter(sequence, make.make_contacts(workspace, 20), mailbox, at_nine)
    for mailing_id in set(Message.objects.values_list("mailing_id", flat=True)):
        ids = list(Message.objects.filter(mailing=mailing_id).values_list("pk", flat=True))
        services.note_accepted(MessagesAccepted(mailing_id, ids, at_nine))
    assert set(Enrolment.objects.values_list("due_at", flat=True)) == {at_nine + timedelta(days=1)}
