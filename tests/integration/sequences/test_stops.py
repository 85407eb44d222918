"""What ends a way or puts it off: replies, goals after the last email, exit filters, expiry, and pauses that are made up for."""

from datetime import date, timedelta

import pytest

from contacts import services as contacts
from contacts.models import Contact
from core import clock, facts
from core.exceptions import InvalidInput
from delivery.models import Message, MessageState
from sequences import services
from sequences.models import Decision, Enrolment, EnrolmentState
from sequences.services import ReplyKind
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document
from tests.factories.team import WorkspaceFactory
from tests.integration.contacts.conftest import api_client
from tests.integration.sequences.world import accept, messages_of, queued, standing
from tracking.custom import NewEvent
from tracking.services import record_custom_events

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def mail(subject, **settings):
    return {"kind": "email", "subject": subject, "source": SOURCE, **settings}


def wait(length="P1D"):
    return {"kind": "wait", "wait": length}


def cold(workspace, steps, on_reply="stop"):
    return services.update_rules(make_document(workspace, steps), on_reply=on_reply)


def reply(workspace, contact_id, kind=ReplyKind.HUMAN, **given):
    given.setdefault("received_at", clock.now())
    return services.note_reply(workspace_id=workspace.pk, contact_id=contact_id, kind=kind, **given)


def ends(sequence):
    rows = Enrolment.objects.filter(sequence=sequence).order_by("contact_id")
    return [(EnrolmentState(state).name, reason) for state, reason in rows.values_list("state", "reason")]


@pytest.mark.parametrize("kind", [ReplyKind.HUMAN, ReplyKind.UNCLEAR])
def test_a_reply_ends_all_cold_sequences_of_the_contact_and_no_other(workspace, mailbox, at_nine, kind):
    people = make_contacts(workspace, 2)
    first, second = (cold(workspace, [mail("A"), wait(), mail("B")]) for _ in range(2))
    warm = make_document(workspace, [mail("W"), wait(), mail("X")])
    for sequence in (first, second, warm):
        enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    sent = messages_of(first, "A")
    accept(sent, at_nine)
    assert reply(workspace, people[0], kind, message_id=sent[0].pk) == 2
    assert ends(first) == ends(second) == [("STOPPED", "replied"), ("ACTIVE", "")]
    assert ends(warm) == [("ACTIVE", ""), ("ACTIVE", "")]
    assert Message.objects.get(pk=sent[0].pk).replied_at == at_nine
    # What waited on the queue for the second sequence is cancelled, and says why.
    waiting = messages_of(second, "A")[0]
    assert (waiting.state, waiting.reason) == (MessageState.CANCELLED, "replied")
    assert reply(workspace, people[0], kind, message_id=sent[0].pk) == 0


def test_a_reply_cancels_the_last_email_of_a_way_that_is_complete_but_for_it(workspace, mailbox, at_nine):
    (person,) = make_contacts(workspace, 1)
    sequence = cold(workspace, [mail("Only")])
    enrol(sequence, [person], mailbox)
    services.advance_due(now=at_nine)
    assert ends(sequence) == [("COMPLETED", "")]
    assert reply(workspace, person) == 1
    assert ends(sequence) == [("STOPPED", "replied")]
    assert messages_of(sequence, "Only")[0].state == MessageState.CANCELLED


def test_a_goal_cancels_the_last_email_of_a_way_that_is_complete_but_for_it(workspace, mailbox, at_nine):
    people = make_contacts(workspace, 2)
    sequence = make_document(workspace, [{"kind": "goal", "event": "paid"}, mail("Only")])
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "Only")[1:], at_nine)
    record_custom_events(workspace.pk, [NewEvent(person, "paid", at_nine) for person in people])
    facts.deliver()
    assert ends(sequence) == [("STOPPED", "goal"), ("COMPLETED", "")]
    waiting = messages_of(sequence, "Only")[0]
    assert (waiting.state, waiting.reason) == (MessageState.CANCELLED, "goal_reached")


@pytest.mark.parametrize(
    ("on_reply", "domain", "ended"),
    [
        ("stop_domain", "acme.com", 2),
        ("stop", "acme.com", 1),
        ("stop_domain", "gmail.com", 1),
        ("stop_domain", "yahoo.co.uk", 1),
    ],
)
def test_a_reply_ends_the_ways_of_the_whole_company_if_the_sequence_says_so(
    workspace, mailbox, at_nine, on_reply, domain, ended
):
    people = make_contacts(workspace, 3)
    for person, at in zip(people, [domain, domain, f"not{domain}"], strict=True):
        Contact.objects.filter(pk=person).update(email=f"p{person}@{at}", email_key=f"p{person}@{at}")
    sequence = cold(workspace, [mail("A"), wait(), mail("B")], on_reply)
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    assert reply(workspace, people[0]) == ended
    assert [reason for _, reason in ends(sequence)] == ["replied"] * ended + [""] * (3 - ended)


def test_a_reply_from_before_the_way_began_and_one_of_another_workspace_end_nothing(workspace, mailbox, at_nine):
    (person,) = make_contacts(workspace, 1)
    sequence = cold(workspace, [mail("A"), wait(), mail("B")])
    enrol(sequence, [person], mailbox)
    assert reply(workspace, person, received_at=at_nine - HOUR) == 0
    assert reply(WorkspaceFactory(), person) == 0
    assert ends(sequence) == [("ACTIVE", "")]


def test_a_machines_reply_changes_nothing(workspace, mailbox, at_nine):
    (person,) = make_contacts(workspace, 1)
    sequence = cold(workspace, [mail("A"), wait(), mail("B")])
    enrol(sequence, [person], mailbox)
    services.advance_due(now=at_nine)
    (sent,) = messages_of(sequence, "A")
    assert reply(workspace, person, ReplyKind.AUTOMATIC, message_id=sent.pk) == 0
    assert Message.objects.get().replied_at is None


@pytest.mark.parametrize(
    ("returns_on", "back"),
    [
        (date(2026, 3, 9), timedelta(days=8)),  # a Monday: Tuesday
        (date(2026, 3, 6), timedelta(days=7)),  # a Friday: Monday
        (None, timedelta(days=14)),
        (date(2026, 3, 1), timedelta(days=14)),  # it is past
        (date(2031, 3, 1), timedelta(days=14)),  # it is absurd
    ],
)
def test_out_of_office_puts_the_next_email_off_until_the_day_after_the_return(
    workspace, mailbox, at_nine, returns_on, back
):
    (person,) = make_contacts(workspace, 1)
    Contact.objects.update(time_zone="UTC")
    sequence = cold(workspace, [mail("A"), wait(), mail("B")])
    enrol(sequence, [person], mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "A"), at_nine)
    assert reply(workspace, person, ReplyKind.OUT_OF_OFFICE, returns_on=returns_on) == 1
    for early in (DAY, back - timedelta(seconds=1)):
        services.advance_due(now=at_nine + early)
        assert [subject for _, subject in queued(sequence)] == ["A"]
    assert Enrolment.objects.get().reason == "away"
    services.advance_due(now=at_nine + back)
    assert [subject for _, subject in queued(sequence)] == ["A", "B"]


def test_an_email_that_expires_while_its_reader_is_away_is_passed_over_then(workspace, mailbox, at_nine):
    (person,) = make_contacts(workspace, 1)
    steps = [mail("A"), wait(), mail("B", expires_after="PT2H"), {"kind": "goal"}]
    sequence = cold(workspace, steps)
    enrol(sequence, [person], mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "A"), at_nine)
    reply(workspace, person, ReplyKind.OUT_OF_OFFICE)
    services.advance_due(now=at_nine + DAY)
    services.advance_due(now=at_nine + DAY + 3 * HOUR)
    assert ends(sequence) == [("STOPPED", "goal")]


def test_out_of_office_puts_off_a_warm_sequence_only_if_it_was_answered(workspace, mailbox, at_nine):
    (person,) = make_contacts(workspace, 1)
    answered, other = (make_document(workspace, [mail("A"), wait(), mail("B")]) for _ in range(2))
    for sequence in (answered, other):
        enrol(sequence, [person], mailbox)
    services.advance_due(now=at_nine)
    (sent,) = messages_of(answered, "A")
    assert reply(workspace, person, ReplyKind.OUT_OF_OFFICE, message_id=sent.pk) == 1
    assert Enrolment.objects.get(sequence=other).away_until is None


def test_who_matches_the_exit_filter_leaves_before_the_email_goes(workspace, mailbox, at_nine):
    people = make_contacts(workspace, 3)
    sequence = make_document(workspace, [mail("A"), wait(), mail("B"), wait(), mail("C")])
    tree = {"match": "all", "conditions": [{"field": "tags", "operator": "has", "value": "customer"}]}
    services.update_rules(sequence, exit_filter=tree)
    contacts.add_tag(workspace_id=workspace.pk, tag="customer", contact_ids=people[:1])
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "A"), at_nine)
    contacts.add_tag(workspace_id=workspace.pk, tag="customer", contact_ids=people[1:2])
    services.advance_due(now=at_nine + HOUR)
    assert [reason for _, reason in ends(sequence)] == ["exit_filter", "", ""]
    services.advance_due(now=at_nine + DAY)
    assert [reason for _, reason in ends(sequence)] == ["exit_filter", "exit_filter", ""]
    assert queued(sequence) == [(people[1], "A"), (people[2], "A"), (people[2], "B")]


def test_the_exit_filter_is_asked_before_an_email_that_entering_would_queue_at_once(workspace, mailbox, at_nine):
    (person,) = make_contacts(workspace, 1)
    contacts.add_tag(workspace_id=workspace.pk, tag="customer", contact_ids=[person])
    sequence = make_document(workspace, [mail("A")])
    tree = {"match": "all", "conditions": [{"field": "tags", "operator": "has", "value": "customer"}]}
    services.update_rules(sequence, exit_filter=tree)
    services.enrol_contacts(
        sequence=sequence, contact_ids=[person], mailbox_ids=[mailbox.pk], due_at=at_nine, send_at_once=True
    )
    services.advance_due(now=at_nine)
    assert queued(sequence) == []
    assert ends(sequence) == [("STOPPED", "exit_filter")]


def test_a_filter_that_can_not_be_asked_sends_nothing_until_it_can(workspace, mailbox, at_nine):
    field = contacts.create_field(workspace=workspace, label="Plan")
    sequence = make_document(workspace, [mail("A")])
    condition = {"field": "custom.plan", "operator": "is", "value": "pro"}
    services.update_rules(sequence, exit_filter={"match": "all", "conditions": [condition]})
    contacts.delete_field(field)
    enrol(sequence, make_contacts(workspace, 1), mailbox)
    services.advance_due(now=at_nine)
    assert ends(sequence) == [("ACTIVE", "cannot_ask")]
    services.update_rules(sequence, exit_filter={})
    services.advance_due(now=at_nine + HOUR)
    assert [subject for _, subject in queued(sequence)] == ["A"]


def test_the_rules_are_changed_and_checked_by_the_api(workspace):
    sequence = make_document(workspace, [mail("A")])
    url = f"/api/v1/sequences/{sequence.pk}/"
    api = api_client(workspace)
    tree = {"match": "all", "conditions": [{"field": "company", "operator": "is", "value": "Acme"}]}
    changed = api.patch(url, {"on_reply": "stop_domain", "exit_filter": tree}, format="json")
    assert (changed.status_code, changed.data["on_reply"], changed.data["exit_filter"]) == (200, "stop_domain", tree)
    assert api.patch(url, {"on_reply": "perhaps"}, format="json").status_code in (400, 422)
    broken = {"match": "all", "conditions": [{"field": "nothing", "operator": "is", "value": 1}]}
    assert api.patch(url, {"exit_filter": broken}, format="json").status_code == 422
    assert api_client(WorkspaceFactory()).patch(url, {"on_reply": "stop"}, format="json").status_code == 404
    with pytest.raises(InvalidInput):
        services.update_rules(sequence, on_reply="perhaps")


def test_an_email_that_could_not_be_queued_in_time_is_passed_over(workspace, mailbox, at_nine):
    steps = [wait("PT1H"), mail("Soon or never", key="soon", expires_after="PT2H"), wait("PT1H"), mail("Next")]
    sequence = make_document(workspace, steps)
    enrol(sequence, make_contacts(workspace, 1), mailbox)
    services.advance_due(now=at_nine + 3 * HOUR + timedelta(seconds=1))
    assert queued(sequence) == []
    decision = Decision.objects.get()
    assert (decision.step_key, decision.lane, decision.inputs["skipped"]) == ("soon", "", "expired")
    assert decision.decided_at == at_nine + 3 * HOUR
    services.advance_due(now=at_nine + 4 * HOUR)
    assert [subject for _, subject in queued(sequence)] == ["Next"]


def test_an_email_within_its_time_goes(workspace, mailbox, at_nine):
    sequence = make_document(workspace, [wait("PT1H"), mail("Soon", expires_after="PT2H")])
    enrol(sequence, make_contacts(workspace, 1), mailbox)
    services.advance_due(now=at_nine + 3 * HOUR)
    assert [subject for _, subject in queued(sequence)] == ["Soon"]


def test_a_pause_is_made_up_for_one_after_the_other_and_the_gap_to_the_next_email_stays(workspace, mailbox, at_nine):
    people = make_contacts(workspace, 25)
    sequence = make_document(workspace, [wait("PT1H"), mail("A"), wait("PT1H"), mail("B")])
    enrol(sequence, people, mailbox)
    services.pause(sequence)
    services.advance_due(now=at_nine + 5 * HOUR)
    assert {state for state, _ in standing(sequence).values()} == {EnrolmentState.HELD}
    now = at_nine + 6 * HOUR
    with clock.simulated(now):
        services.resume(sequence)
    for seconds, sent in [(0, 1), (1, 11), (2, 21), (3, 25)]:
        services.advance_due(now=now + timedelta(seconds=seconds))
        assert len(queued(sequence)) == sent
    accept(messages_of(sequence, "A"), now)
    services.advance_due(now=now + timedelta(minutes=59))
    assert len(queued(sequence)) == 25
    services.advance_due(now=now + HOUR)
    assert len(queued(sequence)) == 50


def test_many_who_were_held_are_released_within_an_hour(workspace, mailbox, at_nine, monkeypatch):
    monkeypatch.setattr("sequences.services.lifecycle.RELEASED_A_SECOND", 0.001)
    sequence = make_document(workspace, [mail("A")])
    enrol(sequence, make_contacts(workspace, 10), mailbox)
    services.pause(sequence)
    services.advance_due(now=at_nine)
    services.resume(sequence)
    dues = sorted(due for _, due in standing(sequence).values() if due)
    assert dues[0] == at_nine
    assert dues[-1] == at_nine + timedelta(minutes=54)


def test_the_first_reason_stays(workspace, mailbox, at_nine):
    (person,) = make_contacts(workspace, 1)
    sequence = cold(workspace, [mail("A"), wait(), mail("B")])
    enrol(sequence, [person], mailbox)
    services.advance_due(now=at_nine)
    contacts.suppress(workspace_id=workspace.pk, email=Contact.objects.get().email, reason="manual")
    assert reply(workspace, person) == 0
    services.stop_enrolment(Enrolment.objects.get())
    assert ends(sequence) == [("STOPPED", "suppressed")]


def test_a_settings_that_an_email_has_not_is_refused_and_both_are_shown(workspace):
    sequence = make_document(workspace, [mail("A", key="a", expires_after="P2D")])
    shown = api_client(workspace).get(f"/api/v1/sequences/{sequence.pk}/steps/").data
    assert shown[0]["expires_after"] == "P2DT00H00M00S"
    copy = services.create_sequence(workspace=workspace, name="Copy")
    services.copy_steps(sequence, to=copy)
    step = copy.versions.get().steps.get()
    services.update_step(step, subject="Other")
    step.refresh_from_db()
    assert (step.subject, step.config) == ("Other", {"expires_after": "P2DT00H00M00S"})
