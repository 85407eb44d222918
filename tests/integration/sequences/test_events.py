"""Events that other programs tell of: waits, counts and goals; and ways that are ended by hand."""

from datetime import timedelta

import pytest

from contacts import services as contacts
from core import clock, facts
from core.exceptions import InvalidInput
from delivery.models import Message, MessageState
from sequences import services
from sequences.models import Decision, Enrolment, EnrolmentState
from tests.factories.sequences import enrol, make_contacts, make_document
from tests.factories.team import ApiTokenFactory, WorkspaceFactory
from tests.integration.sequences.test_branches import mail, subjects
from tests.integration.sequences.world import accept, messages_of, queued, standing
from tracking.models import CustomEvent
from tracking.services import NewEvent, record_custom_events

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def tell(workspace, contact, name, at, **properties):
    """Another program tells of an event, and the handlers hear of it."""
    with clock.simulated(at):
        record_custom_events(workspace.pk, [NewEvent(contact, name, at, properties)])
        facts.deliver()


def waits_for(**settings):
    lanes = {"happened": [mail("Thanks")], "timeout": [mail("Still there?")]}
    return {"kind": "wait_for", "key": "w", "event": "order.paid", "timeout": "P2D", "lanes": lanes, **settings}


def test_an_event_wakes_who_waits_for_it_and_silence_takes_the_timeouts_lane(workspace, mailbox, at_nine):
    people = make_contacts(workspace, 2)
    sequence = make_document(workspace, [waits_for()])
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    assert standing(sequence) == dict.fromkeys(people, (EnrolmentState.ACTIVE, at_nine + 2 * DAY))

    tell(workspace, people[0], "order.paid", at_nine + HOUR)
    assert services.advance_due(now=at_nine + HOUR + timedelta(seconds=1)) == 1
    assert queued(sequence) == [(people[0], "Thanks")]
    decision = Decision.objects.get()
    assert (decision.lane, decision.decided_at) == ("happened", at_nine + HOUR)
    assert decision.inputs == {"event_id": CustomEvent.objects.get().pk}

    services.advance_due(now=at_nine + 2 * DAY)
    assert queued(sequence)[1:] == [(people[1], "Still there?")]


def test_only_the_event_that_was_asked_for_counts(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_document(workspace, [waits_for(where={"plan": "pro"})])
    tell(workspace, contact, "order.paid", at_nine - HOUR, plan="pro")
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    tell(workspace, contact, "order.seen", at_nine + HOUR, plan="pro")
    tell(workspace, contact, "order.paid", at_nine + HOUR, plan="free")
    services.advance_due(now=at_nine + HOUR)
    assert subjects(sequence) == []
    tell(workspace, contact, "order.paid", at_nine + 2 * HOUR, plan="pro", amount=3)
    services.advance_due(now=at_nine + 2 * HOUR)
    assert subjects(sequence) == ["Thanks"]


def test_a_branch_counts_events_in_the_time_before(workspace, mailbox, at_nine):
    twice, once, long_ago = make_contacts(workspace, 3)
    for contact, moments in {twice: [1, 2], once: [1], long_ago: [1, 30]}.items():
        for days in moments:
            tell(workspace, contact, "visit", at_nine - days * DAY)
    branch = {"kind": "branch", "on": "event", "event": "visit", "at_least": 2, "within": "P7D"}
    sequence = make_document(workspace, [branch | {"lanes": {"yes": [mail("Often")], "no": [mail("Seldom")]}}])
    enrol(sequence, [twice, once, long_ago], mailbox)
    services.advance_due(now=at_nine)
    assert sorted(queued(sequence)) == sorted([(twice, "Often"), (once, "Seldom"), (long_ago, "Seldom")])


def test_a_goal_ends_the_way_in_mid_wait_and_cancels_the_mail_that_waits(workspace, mailbox, at_nine):
    waiting, queued_for, other = make_contacts(workspace, 3)
    goal = {"kind": "goal", "event": "order.paid"}
    sequence = make_document(workspace, [mail("First"), {"kind": "wait", "wait": "P1D"}, mail("Second"), goal])
    enrol(sequence, [waiting, queued_for, other], mailbox)
    services.advance_due(now=at_nine)
    accept([message for message in messages_of(sequence, "First") if message.contact_id == waiting], at_nine)
    for contact in (waiting, queued_for):
        tell(workspace, contact, "order.paid", at_nine + HOUR)
    ends = dict(Enrolment.objects.values_list("contact_id", "reason"))
    assert ends == {waiting: "goal", queued_for: "goal", other: ""}
    message = Message.objects.get(contact=queued_for)
    assert (message.state, message.reason) == (MessageState.CANCELLED, "goal_reached")
    services.advance_due(now=at_nine + 9 * DAY)
    assert subjects(sequence) == ["First"] * 3


def test_a_goal_whose_fact_is_late_is_seen_before_the_next_email(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    steps = [{"kind": "wait", "wait": "PT1H"}, mail("Buy!"), {"kind": "goal", "event": "order.paid"}]
    sequence = make_document(workspace, steps)
    enrol(sequence, [contact], mailbox)
    record_custom_events(workspace.pk, [NewEvent(contact, "order.paid", at_nine + HOUR)])
    services.advance_due(now=at_nine + HOUR)
    assert subjects(sequence) == []
    assert Enrolment.objects.get().reason == "goal"


def test_an_event_before_the_entry_is_no_goal(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    tell(workspace, contact, "order.paid", at_nine - HOUR)
    sequence = make_document(workspace, [mail("Buy!"), {"kind": "goal", "event": "order.paid"}])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    assert subjects(sequence) == ["Buy!"]


def test_the_same_key_twice_is_one_event_and_foreign_contacts_have_none(workspace, at_nine):
    (contact,) = make_contacts(workspace, 1)
    (foreign,) = make_contacts(WorkspaceFactory(), 1, prefix="foreign")
    event = NewEvent(contact, "order.paid", at_nine, key="order-1")
    assert record_custom_events(workspace.pk, [event, event]) == 1
    assert record_custom_events(workspace.pk, [event, NewEvent(foreign, "order.paid", at_nine)]) == 0
    assert record_custom_events(workspace.pk, [NewEvent(contact, "order.paid", at_nine + DAY)]) == 1
    assert list(CustomEvent.objects.values_list("occurred_at", flat=True)) == [at_nine, at_nine]  # never in the future


@pytest.mark.parametrize(
    "event", [{"name": ""}, {"name": "x" * 101}, {"key": "k" * 201}, {"properties": {"x": "y" * 1_000_000}}]
)
def test_events_of_unreasonable_size_are_refused(workspace, at_nine, event):
    with pytest.raises(InvalidInput):
        record_custom_events(
            workspace.pk, [NewEvent(**{"contact_id": 1, "name": "n", "occurred_at": at_nine, **event})]
        )


def test_a_deleted_contact_takes_its_events_along(workspace, at_nine):
    (contact,) = make_contacts(workspace, 1)
    tell(workspace, contact, "order.paid", at_nine)
    contacts.delete_contacts(workspace=workspace, contact_ids=[contact])
    assert not CustomEvent.objects.exists()


def test_a_way_is_stopped_by_the_api_and_its_mail_cancelled(workspace, mailbox, at_nine, client):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_document(workspace, [mail("First"), {"kind": "wait", "wait": "P1D"}, mail("Second")])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    enrolment = Enrolment.objects.get()
    url = f"/api/v1/enrolments/{enrolment.pk}/stop/"
    foreign = ApiTokenFactory(workspace=WorkspaceFactory())
    assert client.post(url, headers={"authorization": f"Bearer {foreign.secret}"}).status_code == 404

    token = ApiTokenFactory(workspace=workspace)
    answer = client.post(url, headers={"authorization": f"Bearer {token.secret}"})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["state"], answer.json()["reason"]) == ("stopped", "manual")
    assert Message.objects.get().state == MessageState.CANCELLED
    assert client.post(url, headers={"authorization": f"Bearer {token.secret}"}).json()["reason"] == "manual"
