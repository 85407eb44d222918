"""An email under test goes out in its versions: each contact gets one, and always the same."""

from datetime import datetime, timedelta

import pytest

from abtests import services as abtests
from abtests.models import Assignment, Experiment
from delivery.events import MessagesAccepted
from delivery.models import Mailbox, Message
from sequences import selectors, services
from sequences.models import Enrolment
from team.models import Workspace
from tests.factories import sequences as make
from tests.factories.team import UserFactory
from tests.integration.sequences.experiments import DAY, EMAIL, LAST, drawn, enter, live_step, subjects, under_test

pytestmark = pytest.mark.django_db(transaction=True)


def test_publishing_gives_each_version_its_mailing_and_starts_the_test(workspace: Workspace, at_nine: datetime) -> None:
    sequence, experiment = under_test(workspace, [EMAIL, DAY, LAST])
    control, other = experiment.variants.all()
    step = live_step(sequence)
    assert experiment.state == Experiment.State.RUNNING
    assert control.mailing_id == step.mailing_id
    assert (other.mailing.subject, other.mailing.source) == ("Two", step.mailing.source)  # type: ignore[union-attr]  # it has both
    assert selectors.mailing_ids(sequence) == [
        control.mailing_id,
        other.mailing_id,
        live_step(sequence, "last").mailing_id,
    ]


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
