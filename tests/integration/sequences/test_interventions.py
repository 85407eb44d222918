"""What is done by hand to people on their way, beside an engine that goes on."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from core import clock
from delivery.models import Message, MessageState
from sequences import services
from sequences.exceptions import SequenceError
from sequences.models import Decision, Enrolment, EnrolmentState, Intervened, Intervention
from team.models import AuditEntry
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document, make_sequence
from tests.integration.sequences.conftest import START
from tests.integration.sequences.world import accept, messages_of

DAY = timedelta(days=1)
EMAIL = {"kind": "email", "source": SOURCE}


def email(key, **fields):
    return {"key": key, **EMAIL, "subject": key.title(), **fields}


@pytest.fixture
def drip(workspace, mailbox, at_nine):
    """Three people who wait a day after the first email, in a sequence with a second and a third."""
    sequence = make_document(
        workspace,
        [
            email("first"),
            {"key": "day", "kind": "wait", "wait": "P1D"},
            email("second"),
            {"key": "week", "kind": "wait", "wait": "P7D"},
            email("third"),
        ],
    )
    enrol(sequence, make_contacts(workspace, 3), mailbox)
    services.advance_due(now=START)
    accept(messages_of(sequence, "First"), START)
    return sequence


def ids(sequence):
    return list(Enrolment.objects.filter(sequence=sequence).order_by("pk").values_list("pk", flat=True))


def places(sequence):
    rows = Enrolment.objects.filter(sequence=sequence).order_by("pk")
    return [(row.step_key, row.rotation, EnrolmentState(row.state).name) for row in rows]


def sent(sequence, subject):
    return len(messages_of(sequence, subject))


def test_whoever_is_moved_on_gets_the_email_there_at_once_and_goes_on_from_it(drip):
    one, two, _ = ids(drip)
    done = services.move_people(sequence=drip, enrolment_ids=[one, two], to="third")
    assert (done.changed, done.passed_over) == (2, {})
    services.advance_due(now=START)
    assert [sent(drip, subject) for subject in ("First", "Second", "Third")] == [3, 0, 2]
    assert places(drip) == [("third", 0, "COMPLETED"), ("third", 0, "COMPLETED"), ("day", 0, "ACTIVE")]


def test_whoever_is_moved_back_gets_the_emails_anew(drip):
    one = ids(drip)[0]
    services.move_people(sequence=drip, enrolment_ids=[one], to="first")
    services.advance_due(now=START)
    assert sent(drip, "First") == 4
    accept([messages_of(drip, "First")[-1]], START + timedelta(hours=1))
    assert places(drip)[0] == ("day", 1, "ACTIVE")
    assert Enrolment.objects.get(pk=one).due_at == START + timedelta(hours=25)


def test_mail_that_waits_for_whoever_is_moved_is_cancelled_and_does_not_end_the_way(drip):
    one = ids(drip)[0]
    services.move_people(sequence=drip, enrolment_ids=[one], to="second")
    services.advance_due(now=START)
    services.move_people(sequence=drip, enrolment_ids=[one], to="week")
    message = messages_of(drip, "Second")[0]
    assert (message.state, message.reason) == (MessageState.CANCELLED, "moved")
    from core import facts

    facts.deliver()
    assert places(drip)[0] == ("week", 0, "ACTIVE")
    assert Enrolment.objects.get(pk=one).due_at == START + 7 * DAY


def test_a_wait_is_skipped_from_now(drip):
    services.skip_waits(sequence=drip, enrolment_ids=ids(drip)[:1])
    services.advance_due(now=START)
    assert sent(drip, "Second") == 1
    with pytest.raises(SequenceError, match="not for a time"):
        services.skip_waits(sequence=drip, enrolment_ids=ids(drip)[:1])


def test_skipping_takes_the_lane_of_a_wait_that_is_over_and_says_by_whom(workspace, mailbox, at_nine):
    sequence = make_document(
        workspace,
        [
            email("first"),
            {"key": "click", "kind": "branch", "on": "engagement", "step": "first", "lanes": {"no": [email("again")]}},
            {
                "key": "bought", "kind": "wait_for", "event": "bought", "timeout": "P3D",
                "lanes": {"timeout": [email("last")]},
            },
        ],
    )  # fmt: skip
    enrol(sequence, make_contacts(workspace, 1), mailbox)
    services.advance_due(now=START)
    accept(messages_of(sequence, "First"), START)
    services.advance_due(now=START)
    one = ids(sequence)[0]
    services.skip_waits(sequence=sequence, enrolment_ids=[one])
    services.advance_due(now=START)
    accept(messages_of(sequence, "Again"), START)
    services.advance_due(now=START)
    services.skip_waits(sequence=sequence, enrolment_ids=[one])
    services.advance_due(now=START)
    assert sent(sequence, "Last") == 1
    kept = Decision.objects.filter(enrolment=one).values_list("step_key", "lane", "inputs")
    assert list(kept) == [("click", "no", {"by_hand": True}), ("bought", "timeout", {"by_hand": True})]


def test_skipping_the_last_wait_completes_the_way(workspace, mailbox, at_nine):
    sequence = make_sequence(workspace, ["First", DAY])
    enrol(sequence, make_contacts(workspace, 1), mailbox)
    services.advance_due(now=START)
    accept(messages_of(sequence, "First"), START)
    services.skip_waits(sequence=sequence, enrolment_ids=ids(sequence))
    assert [state for *_, state in places(sequence)] == ["COMPLETED"]


def test_whoever_has_ended_can_begin_anew_by_hand_alone(drip, workspace, mailbox):
    one, two, _ = ids(drip)
    services.stop_people(sequence=drip, enrolment_ids=[one])
    assert enrol(drip, list(Enrolment.objects.values_list("contact_id", flat=True)), mailbox) == 0
    services.restart_people(sequence=drip, enrolment_ids=[one, two])
    services.advance_due(now=START)
    assert places(drip) == [("first", 1, "ACTIVE"), ("first", 1, "ACTIVE"), ("day", 0, "ACTIVE")]
    assert sent(drip, "First") == 5


def test_nobody_whose_address_is_suppressed_begins_anew(drip, workspace):
    from contacts import services as contacts
    from contacts.models import Contact, SuppressionReason

    one, two, _ = ids(drip)
    person = Contact.objects.get(pk=Enrolment.objects.get(pk=one).contact_id)
    contacts.suppress(workspace_id=workspace.pk, email=person.email, reason=SuppressionReason.MANUAL)
    done = services.restart_people(sequence=drip, enrolment_ids=[one, two])
    assert (done.changed, list(done.passed_over)) == (1, [one])
    assert Enrolment.objects.get(pk=one).state == EnrolmentState.STOPPED


def test_stopping_cancels_what_waits_and_says_by_hand(drip):
    one = ids(drip)[0]
    services.move_people(sequence=drip, enrolment_ids=[one], to="second")
    services.advance_due(now=START)
    services.stop_people(sequence=drip, enrolment_ids=[one])
    assert Enrolment.objects.get(pk=one).reason == "manual"
    assert messages_of(drip, "Second")[0].reason == "stopped"
    with pytest.raises(SequenceError, match="ended already"):
        services.stop_people(sequence=drip, enrolment_ids=[one])


def test_a_stale_page_changes_nobody(drip):
    one, two, three = ids(drip)
    seen = {pk: services.stamp_of("day", 0, EnrolmentState.ACTIVE) for pk in (one, two)}
    services.move_people(sequence=drip, enrolment_ids=[one], to="week", seen=seen)
    with pytest.raises(SequenceError, match="moved on since") as refused:
        services.move_people(sequence=drip, enrolment_ids=[one], to="third", seen=seen)
    assert (refused.value.status, refused.value.code) == (409, "moved_on")
    done = services.stop_people(sequence=drip, enrolment_ids=[one, two, three + 1000], seen=seen)
    assert done.changed == 1
    assert set(done.passed_over) == {one, three + 1000}


def test_the_same_deed_twice_by_a_double_click_is_done_once(drip):
    one = ids(drip)[0]
    seen = {one: services.stamp_of("day", 0, EnrolmentState.ACTIVE)}
    services.restart_people(sequence=drip, enrolment_ids=[one], seen=seen)
    with pytest.raises(SequenceError):
        services.restart_people(sequence=drip, enrolment_ids=[one], seen=seen)
    services.advance_due(now=START)
    assert sent(drip, "First") == 4


@pytest.mark.parametrize("deed", ["move_people", "skip_waits", "stop_people", "restart_people"])
def test_nobody_is_changed_in_a_closed_sequence_nor_in_another_one(drip, workspace, deed):
    run = getattr(services, deed)
    more = {"to": "third"} if deed == "move_people" else {}
    other = make_sequence(workspace, ["Other"])
    with pytest.raises(SequenceError, match="not in this sequence"):
        run(sequence=other, enrolment_ids=ids(drip), **({"to": "x"} if more else {}))
    services.close(drip)
    with pytest.raises(SequenceError, match="closed"):
        run(sequence=drip, enrolment_ids=ids(drip), **more)
    assert places(drip) == [("day", 0, "ACTIVE")] * 3


def test_people_can_not_be_moved_to_a_step_that_is_not_there(drip):
    with pytest.raises(SequenceError, match="no such step"):
        services.move_people(sequence=drip, enrolment_ids=ids(drip), to="nowhere")


def test_a_paused_sequence_holds_whoever_is_moved_until_it_goes_on(drip):
    services.pause(drip)
    services.move_people(sequence=drip, enrolment_ids=ids(drip)[:1], to="second")
    services.advance_due(now=START)
    assert (places(drip)[0], sent(drip, "Second")) == (("second", 0, "HELD"), 0)
    services.resume(drip)
    services.advance_due(now=START)
    assert sent(drip, "Second") == 1


def test_a_move_is_taken_back_and_the_wait_goes_on_as_it_was(drip):
    one = ids(drip)[0]
    before = Enrolment.objects.get(pk=one)
    done = services.move_people(sequence=drip, enrolment_ids=[one], to="week")
    assert services.undo_intervention(done.intervention) == 1
    after = Enrolment.objects.get(pk=one)
    assert (after.step_key, after.due_at, after.entered_step_at) == ("day", before.due_at, before.entered_step_at)
    with pytest.raises(SequenceError, match="already"):
        services.undo_intervention(done.intervention)
    services.advance_due(now=START + DAY)
    assert sent(drip, "Second") == 3


def test_taking_back_a_stop_sends_the_email_that_it_had_cancelled(drip):
    one = ids(drip)[0]
    services.move_people(sequence=drip, enrolment_ids=[one], to="second")
    services.advance_due(now=START)
    done = services.stop_people(sequence=drip, enrolment_ids=[one])
    services.undo_intervention(done.intervention)
    services.advance_due(now=START)
    states = [message.state for message in messages_of(drip, "Second")]
    assert states == [MessageState.CANCELLED, MessageState.QUEUED]
    accept([messages_of(drip, "Second")[-1]], START)
    assert places(drip)[0] == ("week", 1, "ACTIVE")


def test_a_move_is_taken_back_after_its_email_was_queued(drip):
    one = ids(drip)[0]
    done = services.move_people(sequence=drip, enrolment_ids=[one], to="second")
    services.advance_due(now=START)
    services.undo_intervention(done.intervention)
    assert messages_of(drip, "Second")[0].state == MessageState.CANCELLED
    services.advance_due(now=START + DAY)
    assert [message.state for message in messages_of(drip, "Second")].count(MessageState.QUEUED) == 3


def test_it_is_too_late_to_take_back_what_people_have_left(drip):
    one = ids(drip)[0]
    done = services.move_people(sequence=drip, enrolment_ids=[one], to="second")
    services.advance_due(now=START)
    accept(messages_of(drip, "Second"), START)
    with pytest.raises(SequenceError, match="too late"):
        services.undo_intervention(done.intervention)
    assert Intervention.objects.get().undone_at is None


def test_each_deed_is_one_entry_of_the_audit_trail_and_one_row_for_each_person(drip, workspace):
    services.move_people(sequence=drip, enrolment_ids=ids(drip), to="third")
    entry = AuditEntry.objects.filter(table="sequences_intervention").get()
    assert entry.workspace_id == workspace.pk
    assert entry.after
    assert (entry.after["deed"], entry.after["people"], entry.after["to_step"]) == ("move", 3, "third")
    assert Intervened.objects.count() == 3


def test_deleted_contacts_leave_no_trace_of_what_was_done(drip, workspace):
    from contacts import services as contacts

    services.stop_people(sequence=drip, enrolment_ids=ids(drip))
    people = list(Enrolment.objects.values_list("contact_id", flat=True))
    contacts.delete_contacts(workspace=workspace, contact_ids=people)
    assert not Intervened.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_deed_waits_for_the_engine_and_then_sees_that_people_have_moved_on(workspace, mailbox, at_nine):
    sequence = make_sequence(workspace, ["First", DAY, "Second"])
    enrol(sequence, make_contacts(workspace, 1), mailbox)
    one = ids(sequence)[0]
    seen = {one: services.stamp_of(Enrolment.objects.get(pk=one).step_key, 0, EnrolmentState.ACTIVE)}
    refused = []

    def stop():
        try:
            services.stop_people(sequence=sequence, enrolment_ids=[one], seen=seen)
        except SequenceError as error:
            refused.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        # The engine holds the row, and has moved it on.
        Enrolment.objects.filter(pk=one).select_for_update().get()
        Enrolment.objects.filter(pk=one).update(step_key="elsewhere")
        page = threading.Thread(target=stop)
        page.start()
        page.join(0.2)
        assert page.is_alive()
    page.join(20)
    assert [error.code for error in refused] == ["moved_on"]
    assert Message.objects.count() == 0
    assert clock.now() == START
