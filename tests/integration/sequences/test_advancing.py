from datetime import timedelta

from core import clock, facts
from delivery.events import MessagesAccepted
from delivery.models import Message, MessageState
from sequences import services
from sequences.models import Enrolment, EnrolmentState
from tests.factories.sequences import enrol, make_contacts, make_sequence
from tests.integration.sequences.world import accept, finish, messages_of, queued, standing

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_a_one_step_sequence_queues_one_message_a_contact_and_completes(workspace, mailbox, at_nine):
    contacts = make_contacts(workspace, 3)
    sequence = make_sequence(workspace, ["Hello"])
    assert enrol(sequence, contacts, mailbox) == 3

    assert services.advance_due(now=at_nine) == 3

    assert queued(sequence) == [(contact, "Hello") for contact in contacts]
    assert {state for state, _ in standing(sequence).values()} == {EnrolmentState.COMPLETED}
    assert services.advance_due(now=at_nine + DAY) == 0


def test_the_message_bears_the_key_of_its_enrolment_and_the_mailbox_of_its_contact(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, ["Hello"])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)

    message = Message.objects.get()
    enrolment = Enrolment.objects.get()
    assert message.key == f"e{enrolment.pk}:{enrolment.step_key}:0"
    assert message.mailbox_id == mailbox.pk


def test_a_wait_after_an_email_counts_from_its_acceptance(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, ["First", DAY, "Second"])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)

    # The server was slow by five hours; until it accepts, time does nothing.
    assert services.advance_due(now=at_nine + 30 * DAY) == 0
    accept(messages_of(sequence, "First"), at_nine + 5 * HOUR)

    assert standing(sequence)[contact] == (EnrolmentState.ACTIVE, at_nine + 5 * HOUR + DAY)
    assert services.advance_due(now=at_nine + 5 * HOUR + DAY - timedelta(seconds=1)) == 0
    assert services.advance_due(now=at_nine + 5 * HOUR + DAY) == 1
    assert queued(sequence) == [(contact, "First"), (contact, "Second")]


def test_a_wait_before_the_first_email_counts_from_the_entry(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, [2 * HOUR, "First"])
    enrol(sequence, [contact], mailbox)

    assert services.advance_due(now=at_nine + HOUR) == 0
    assert services.advance_due(now=at_nine + 2 * HOUR) == 1
    assert queued(sequence) == [(contact, "First")]


def test_waits_in_a_row_add_up_however_late_the_engine_comes(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, [HOUR, 2 * HOUR, 4 * HOUR, "First"])
    enrol(sequence, [contact], mailbox)

    services.advance_due(now=at_nine + 4 * HOUR)
    assert standing(sequence)[contact] == (EnrolmentState.ACTIVE, at_nine + 7 * HOUR)
    services.advance_due(now=at_nine + 7 * HOUR)
    assert queued(sequence) == [(contact, "First")]


def test_two_emails_in_a_row_go_one_after_the_acceptance_of_the_other(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, ["First", "Second"])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    assert queued(sequence) == [(contact, "First")]

    accept(messages_of(sequence, "First"), at_nine)
    services.advance_due(now=at_nine)
    assert queued(sequence) == [(contact, "First"), (contact, "Second")]
    assert standing(sequence)[contact] == (EnrolmentState.COMPLETED, None)


def test_a_wait_at_the_end_is_waited_for(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, ["First", DAY])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "First"), at_nine)
    assert standing(sequence)[contact] == (EnrolmentState.ACTIVE, at_nine + DAY)

    services.advance_due(now=at_nine + DAY)
    assert standing(sequence)[contact] == (EnrolmentState.COMPLETED, None)


def test_a_contact_goes_on_after_a_message_that_failed_was_skipped_or_is_unknown(workspace, mailbox, at_nine):
    contacts = make_contacts(workspace, 3)
    sequence = make_sequence(workspace, ["First", DAY, "Second"])
    enrol(sequence, contacts, mailbox)
    services.advance_due(now=at_nine)
    states = (MessageState.FAILED, MessageState.SKIPPED, MessageState.UNKNOWN)
    for message, state in zip(messages_of(sequence, "First"), states, strict=True):
        finish([message], state, at_nine)

    assert standing(sequence) == dict.fromkeys(contacts, (EnrolmentState.ACTIVE, at_nine + DAY))


def test_a_cancelled_message_ends_the_way_of_its_contact(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, ["First", DAY, "Second"])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    finish(messages_of(sequence, "First"), MessageState.CANCELLED, at_nine)

    assert standing(sequence)[contact] == (EnrolmentState.STOPPED, None)
    assert Enrolment.objects.get().reason == "cancelled"


def test_a_fact_that_comes_twice_moves_nobody_twice(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, ["First", DAY, "Second", DAY, "Third"])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    first = messages_of(sequence, "First")
    accept(first, at_nine)
    services.advance_due(now=at_nine + DAY)
    before = standing(sequence)

    accept(first, at_nine)
    services.note_accepted(MessagesAccepted(first[0].mailing_id, [first[0].pk], at_nine))

    assert standing(sequence) == before
    assert queued(sequence) == [(contact, "First"), (contact, "Second")]


def test_facts_about_mail_of_others_are_passed_over(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, ["First", DAY, "Second"])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    message = messages_of(sequence, "First")[0]
    Message.objects.filter(pk=message.pk).update(key="test:not-an-enrolment")
    accept([message], at_nine)

    assert standing(sequence)[contact] == (EnrolmentState.ACTIVE, None)


def test_sequences_of_many_steps_and_contacts_advance_together(workspace, mailbox, at_nine):
    contacts = make_contacts(workspace, 30)
    one = make_sequence(workspace, ["One"])
    two = make_sequence(workspace, [HOUR, "Two"])
    enrol(one, contacts, mailbox)
    enrol(two, contacts[:10], mailbox)

    assert services.advance_due(now=at_nine + HOUR, limit=7) == 40
    assert queued(one) == [(contact, "One") for contact in contacts]
    assert sorted(queued(two)) == [(contact, "Two") for contact in contacts[:10]]


def test_an_idle_tick_asks_one_question(workspace, mailbox, at_nine, django_assert_num_queries):
    contacts = make_contacts(workspace, 5)
    enrol(make_sequence(workspace, [DAY, "Later"]), contacts, mailbox)
    with django_assert_num_queries(3):  # savepoint, claim, release
        assert services.advance_due(now=at_nine) == 0


def test_the_clock_is_the_only_source_of_time(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_sequence(workspace, ["First"])
    enrol(sequence, [contact], mailbox)
    with clock.simulated(at_nine + HOUR):
        services.advance_due()
    message = Message.objects.get()
    assert message.created_at == at_nine + HOUR
    assert message.due_at == at_nine + HOUR
    assert facts.deliver() == 0
