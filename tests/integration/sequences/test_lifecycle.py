from datetime import timedelta

import pytest
from django.db import transaction

from contacts.events import AddressesSuppressed, ContactsDeleted
from contacts.models import Contact, Suppression
from core import bus
from delivery.models import Batch, Mailing, Message, MessageState
from sequences import selectors, services
from sequences.exceptions import SequenceError, StepError
from sequences.models import Enrolment, EnrolmentState, Sequence
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_mailbox, make_sequence
from tests.factories.team import WorkspaceFactory
from tests.integration.sequences.world import accept, finish, messages_of, queued, standing

DAY = timedelta(days=1)


def test_publishing_makes_a_mailing_for_each_email_and_freezes_the_steps(workspace):
    sequence = make_sequence(workspace, ["First", DAY, "Second"], publish=False)
    version = services.publish(sequence, context={"campaign": {"name": "Spring"}}, track_opens=False)

    first, wait, second = selectors.steps_of(version)
    assert wait.mailing is None
    assert [step.mailing.subject for step in (first, second)] == ["First", "Second"]
    assert first.mailing.source == SOURCE
    assert first.mailing.context == {"campaign": {"name": "Spring"}}
    assert not first.mailing.track_opens
    assert first.mailing.track_clicks
    with pytest.raises(SequenceError):
        services.update_step(first, subject="Changed")
    with pytest.raises(SequenceError):
        services.add_step(sequence, kind="email")
    with pytest.raises(SequenceError):
        services.publish(sequence)


@pytest.mark.parametrize("steps", [[], [DAY]])
def test_a_sequence_without_an_email_can_not_be_published(workspace, steps):
    sequence = make_sequence(workspace, steps, publish=False)
    with pytest.raises(StepError, match="no email"):
        services.publish(sequence)
    assert Sequence.objects.get().state == Sequence.State.DRAFT


def test_incomplete_steps_can_not_be_published_and_leave_no_mailing(workspace):
    sequence = make_sequence(workspace, ["First"], publish=False)
    services.add_step(sequence, kind="wait")
    with pytest.raises(StepError, match="Step 2"):
        services.publish(sequence)
    services.remove_step(selectors.steps_of(selectors.draft_version(sequence)).last())
    services.add_step(sequence, kind="email", subject="No content")
    with pytest.raises(StepError, match="Step 2"):
        services.publish(sequence)
    assert not Mailing.objects.exists()


def test_contacts_can_not_enter_a_draft_or_a_closed_sequence(workspace, mailbox):
    contacts = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, ["First"], publish=False)
    with pytest.raises(SequenceError):
        enrol(sequence, contacts, mailbox)
    services.publish(sequence)
    services.close(sequence)
    with pytest.raises(SequenceError):
        enrol(sequence, contacts, mailbox)


def test_a_contact_enters_once_and_foreign_or_deleted_contacts_never(workspace, mailbox):
    contacts = make_contacts(workspace, 2)
    foreign = make_contacts(WorkspaceFactory(), 1)
    sequence = make_sequence(workspace, ["First"])

    assert enrol(sequence, [*contacts, *foreign, 987_654_321], mailbox) == 2
    assert enrol(sequence, contacts, mailbox) == 0
    assert sorted(standing(sequence)) == contacts


def test_a_pause_holds_who_falls_due_and_costs_the_engine_one_look(workspace, mailbox, at_nine):
    contacts = make_contacts(workspace, 3)
    sequence = make_sequence(workspace, ["First", DAY, "Second"])
    enrol(sequence, contacts, mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "First"), at_nine)
    services.pause(sequence)

    assert services.advance_due(now=at_nine + DAY) == 3
    assert services.advance_due(now=at_nine + DAY) == 0
    assert standing(sequence) == dict.fromkeys(contacts, (EnrolmentState.HELD, at_nine + DAY))
    assert len(queued(sequence)) == 3

    services.resume(sequence)
    assert services.advance_due(now=at_nine + 3 * DAY) == 3
    assert len(queued(sequence)) == 6


def test_a_pause_holds_the_batches_that_are_queued_and_a_resume_releases_them(workspace, mailbox, at_nine):
    sequence = make_sequence(workspace, ["First"])
    enrol(sequence, make_contacts(workspace, 3), mailbox)
    services.advance_due(now=at_nine)
    services.pause(sequence)
    assert Batch.objects.get().state == Batch.State.HELD
    services.resume(sequence)
    assert Batch.objects.get().state == Batch.State.QUEUED


def test_who_enters_while_paused_waits_for_the_resume(workspace, mailbox, at_nine):
    sequence = make_sequence(workspace, ["First"])
    services.pause(sequence)
    assert enrol(sequence, make_contacts(workspace, 2), mailbox) == 2
    services.advance_due(now=at_nine)
    assert queued(sequence) == []
    services.resume(sequence)
    services.advance_due(now=at_nine + timedelta(seconds=1))
    assert len(queued(sequence)) == 2


def test_only_a_running_sequence_pauses_and_only_a_paused_one_resumes(workspace):
    sequence = make_sequence(workspace, ["First"], publish=False)
    with pytest.raises(SequenceError):
        services.pause(sequence)
    services.publish(sequence)
    with pytest.raises(SequenceError):
        services.resume(sequence)
    services.pause(sequence)
    with pytest.raises(SequenceError):
        services.pause(sequence)
    services.close(sequence)
    with pytest.raises(SequenceError):
        services.resume(sequence)
    services.close(sequence)


def test_closing_with_cancellation_cancels_what_is_queued_and_stops_who_waits(workspace, mailbox, at_nine):
    contacts = make_contacts(workspace, 4)
    sequence = make_sequence(workspace, ["First", DAY, "Second"])
    enrol(sequence, contacts[:2], mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "First")[:1], at_nine)
    enrol(sequence, contacts[2:], mailbox)

    services.close(sequence, cancel_mail=True)
    services.sweep_closed()

    assert {state for state, _ in standing(sequence).values()} == {EnrolmentState.STOPPED}
    states = Message.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [MessageState.ACCEPTED, MessageState.CANCELLED]
    assert services.advance_due(now=at_nine + 9 * DAY) == 0


def test_who_falls_due_in_a_closed_sequence_before_the_sweep_is_stopped(workspace, mailbox, at_nine):
    sequence = make_sequence(workspace, [DAY, "First", DAY, "Second"])
    enrol(sequence, make_contacts(workspace, 2), mailbox)
    services.close(sequence)
    services.advance_due(now=at_nine + DAY)
    assert queued(sequence) == []
    assert set(Enrolment.objects.values_list("state", "reason")) == {(EnrolmentState.STOPPED, "closed")}


def test_enrolments_of_a_closed_one_step_sequence_are_deleted_and_the_messages_stay(workspace, mailbox, at_nine):
    sequence = make_sequence(workspace, ["First"])
    other = make_sequence(workspace, ["Other", DAY, "Follow-up"])
    contacts = make_contacts(workspace, 3)
    enrol(sequence, contacts, mailbox)
    enrol(other, contacts, mailbox)
    services.advance_due(now=at_nine)
    services.close(sequence)

    assert services.sweep_closed() == 3
    assert services.sweep_closed() == 0
    assert not sequence.enrolments.exists()
    assert other.enrolments.count() == 3
    assert len(queued(sequence)) == 3


def test_a_suppressed_address_stops_its_contact_at_once_even_in_mid_wait(workspace, mailbox, at_nine):
    contacts = make_contacts(workspace, 3)
    sequence = make_sequence(workspace, ["First", DAY, "Second"])
    enrol(sequence, contacts, mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "First"), at_nine)

    with transaction.atomic():
        keys = ("person0@example.com", "person1@example.com")
        bus.announce(AddressesSuppressed(workspace.pk, keys, "unsubscribed"))

    assert standing(sequence) == {
        contacts[0]: (EnrolmentState.STOPPED, None),
        contacts[1]: (EnrolmentState.STOPPED, None),
        contacts[2]: (EnrolmentState.ACTIVE, at_nine + DAY),
    }
    assert Enrolment.objects.filter(reason="suppressed").count() == 2


def test_the_same_address_in_another_workspace_is_not_stopped(workspace, mailbox):
    contacts = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, ["First"])
    enrol(sequence, contacts, mailbox)
    with transaction.atomic():
        bus.announce(AddressesSuppressed(WorkspaceFactory().pk, ("person0@example.com",), "unsubscribed"))
    assert Enrolment.objects.get().state == EnrolmentState.ACTIVE


def test_who_waits_for_a_message_and_is_suppressed_by_its_failure_stops(workspace, mailbox, at_nine):
    contacts = make_contacts(workspace, 2)
    sequence = make_sequence(workspace, ["First", DAY, "Second"])
    enrol(sequence, contacts, mailbox)
    services.advance_due(now=at_nine)
    Suppression.objects.create(workspace=workspace, email_key="person0@example.com", reason="bounced")
    finish(messages_of(sequence, "First"), MessageState.FAILED, at_nine)
    assert standing(sequence) == {
        contacts[0]: (EnrolmentState.STOPPED, None),
        contacts[1]: (EnrolmentState.ACTIVE, at_nine + DAY),
    }


def test_enrolments_go_with_deleted_contacts(workspace, mailbox):
    contacts = make_contacts(workspace, 2)
    sequence = make_sequence(workspace, ["First"])
    enrol(sequence, contacts, mailbox)
    with transaction.atomic():
        bus.announce(ContactsDeleted(workspace.pk, (contacts[0],)))
        Contact.objects.filter(pk=contacts[0]).delete()
    assert list(standing(sequence)) == [contacts[1]]


def test_a_sequence_is_open_while_somebody_is_on_the_way_or_held(workspace, mailbox, at_nine):
    sequence = make_sequence(workspace, [DAY, "First"])
    assert selectors.open_sequences([sequence.pk]) == set()
    enrol(sequence, make_contacts(workspace, 1), mailbox)
    assert selectors.open_sequences([sequence.pk]) == {sequence.pk}
    services.pause(sequence)
    services.advance_due(now=at_nine + DAY)
    assert selectors.open_sequences([sequence.pk]) == {sequence.pk}
    services.resume(sequence)
    services.advance_due(now=at_nine + DAY)
    assert selectors.open_sequences([sequence.pk]) == set()


def test_the_mail_of_a_removed_mailbox_is_held_and_stops_nobody_elses(workspace, mailbox, at_nine):
    gone = make_mailbox(workspace, name="gone")
    contacts = make_contacts(workspace, 4)
    sequence = make_sequence(workspace, ["First"])
    enrol(sequence, contacts[:2], gone)
    enrol(sequence, contacts[2:], mailbox)
    type(gone).objects.filter(pk=gone.pk).update(archived_at=at_nine)

    services.advance_due(now=at_nine)

    assert sorted(contact for contact, _ in queued(sequence)) == contacts[2:]
    assert standing(sequence)[contacts[0]][0] == EnrolmentState.HELD
    assert services.hand_over_mailbox(mailbox_id=gone.pk, to=[mailbox.pk], sequence_ids=[sequence.pk]) == 2
    services.advance_due(now=at_nine)
    assert sorted(contact for contact, _ in queued(sequence)) == contacts


def test_a_suppression_that_the_engine_missed_stops_its_contact_at_the_next_step(workspace, mailbox, at_nine):
    contacts = make_contacts(workspace, 2)
    sequence = make_sequence(workspace, ["First", DAY, "Second"])
    enrol(sequence, contacts, mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "First"), at_nine)
    Suppression.objects.create(workspace=workspace, email_key="person0@example.com", reason="unsubscribed")

    services.advance_due(now=at_nine + DAY)

    assert standing(sequence)[contacts[0]] == (EnrolmentState.STOPPED, None)
    assert [contact for contact, subject in queued(sequence) if subject == "Second"] == contacts[1:]
