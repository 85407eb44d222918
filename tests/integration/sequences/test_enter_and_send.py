"""Entering with the first email queued at once: the same as what the engine would have made of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from contacts.services import suppress
from core import bus, clock
from delivery import own_fields
from delivery import services as delivery
from delivery.models import Batch, Counter, Mailbox, Message
from sequences import services
from sequences.events import WaysEnded
from sequences.models import Enrolment, EnrolmentState, Sequence
from tests.factories import sequences as make
from tests.factories.delivery import make_workspace
from tracking.models import CustomEvent
from tracking.services import NewEvent, record_custom_events

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = {"kind": "email", "subject": "One", "source": make.SOURCE}
GOAL = {"kind": "goal", "event": "bought"}


def stand(sequence: Sequence) -> list[tuple[Any, ...]]:
    """Return where everybody stands; steps by their place in the sequence, as keys are random."""
    assert sequence.live_version is not None
    places = {step.key: step.position for step in sequence.live_version.steps.all()}
    rows = Enrolment.objects.filter(sequence=sequence).order_by("contact")
    columns = "contact", "mailbox", "rotation", "state", "reason", "enrolled_at", "entered_step_at", "due_at"
    return [(places[step], *rest) for step, *rest in rows.values_list("step_key", *columns)]


def mail(sequence: Sequence) -> list[tuple[Any, ...]]:
    """Return the messages, with their keys as places."""
    found = Message.objects.filter(mailing__steps__version__sequence=sequence).order_by("pk")
    own = {enrolment.contact_id: enrolment for enrolment in Enrolment.objects.filter(sequence=sequence)}
    return [
        (message.contact_id, message.mailbox_id, message.state, message.due_at, message.created_at)
        for message in found
        if message.contact_id and message.key == f"e{own[message.contact_id].pk}:{own[message.contact_id].step_key}:0"
    ]


def batches(sequence: Sequence) -> list[tuple[Any, ...]]:
    """Return the batches by the contacts in them."""
    contacts = dict(Message.objects.values_list("pk", "contact"))
    found = Batch.objects.filter(mailing__steps__version__sequence=sequence).order_by("pk")
    return [
        (batch.mailbox_id, [contacts[pk] for pk in batch.message_ids], batch.state, batch.due_at) for batch in found
    ]


def enter(sequence: Sequence, contacts: list[int], mailboxes: list[int], due_at: datetime, *, at_once: bool) -> int:
    return services.enrol_contacts(
        sequence=sequence, contact_ids=contacts, mailbox_ids=mailboxes, due_at=due_at, send_at_once=at_once
    )


@pytest.mark.parametrize(
    ("steps", "sent"),
    [
        ([EMAIL], 6),
        ([EMAIL, {"kind": "wait", "wait": "P1D"}, EMAIL], 6),
        ([{"kind": "wait", "wait": "PT1H"}, EMAIL], 0),
        ([EMAIL, GOAL, EMAIL], 6),
    ],
    ids=["broadcast", "drip", "wait first", "goal"],
)
def test_it_leaves_everybody_where_the_engine_does(steps: list[dict[str, Any]], sent: int) -> None:
    workspace = make_workspace()
    one, other = make.make_mailbox(workspace), make.make_mailbox(workspace, name="other")
    contacts = make.make_contacts(workspace, 6)
    mailboxes = [one.pk, other.pk] * 3
    suppress(workspace_id=workspace.pk, email="person3@example.com", reason="manual")
    slow, fast = (make.make_document(workspace, steps) for _ in range(2))
    with clock.simulated(clock.now()):
        now = clock.now()
        assert enter(slow, contacts, mailboxes, now, at_once=False) == 6
        services.advance_due(now=now)
        assert enter(fast, contacts, mailboxes, now, at_once=True) == 6
        services.advance_due(now=now)
        assert enter(fast, contacts, mailboxes, now, at_once=True) == 0
    assert stand(fast) == stand(slow)
    assert mail(fast) == mail(slow)
    assert len(mail(fast)) == sent
    assert batches(fast) == batches(slow)
    queued = Counter.objects.filter(mailing__steps__version__sequence=fast).values_list("queued", flat=True)
    assert sum(queued) == sent


def test_the_email_is_there_without_the_engine() -> None:
    workspace = make_workspace()
    mailbox, contacts = make.make_mailbox(workspace), make.make_contacts(workspace, 3)
    sequence = make.make_document(workspace, [EMAIL])
    enter(sequence, contacts[::-1], [mailbox.pk] * 3, clock.now(), at_once=True)
    assert [contact for contact, *_ in mail(sequence)] == contacts[::-1], "in the given order"
    assert set(Enrolment.objects.values_list("state", flat=True)) == {EnrolmentState.COMPLETED}


@pytest.mark.parametrize("at_once", [True, False])
def test_the_end_of_a_way_is_announced_either_way(monkeypatch: pytest.MonkeyPatch, *, at_once: bool) -> None:
    told: list[object] = []
    monkeypatch.setattr(bus, "announce", told.append)
    workspace = make_workspace()
    mailbox, contacts = make.make_mailbox(workspace), make.make_contacts(workspace, 3)
    enter(make.make_document(workspace, [EMAIL]), contacts, [mailbox.pk] * 3, clock.now(), at_once=at_once)
    services.advance_due(now=clock.now())
    (ended,) = (event for event in told if isinstance(event, WaysEnded))
    assert sorted(ended.enrolment_ids) == sorted(Enrolment.objects.values_list("pk", flat=True))
    assert ended.outcome == "completed"


def test_in_a_paused_sequence_nothing_is_queued() -> None:
    workspace = make_workspace()
    mailbox, contacts = make.make_mailbox(workspace), make.make_contacts(workspace, 3)
    sequence = make.make_document(workspace, [EMAIL])
    services.pause(sequence)
    enter(sequence, contacts, [mailbox.pk] * 3, clock.now(), at_once=True)
    assert not Message.objects.exists()
    assert set(Enrolment.objects.values_list("state", flat=True)) == {EnrolmentState.ACTIVE}


def test_what_is_due_later_waits_for_the_engine() -> None:
    workspace = make_workspace()
    mailbox, contacts = make.make_mailbox(workspace), make.make_contacts(workspace, 3)
    sequence = make.make_document(workspace, [EMAIL])
    enter(sequence, contacts, [mailbox.pk] * 3, clock.now() + timedelta(hours=1), at_once=True)
    assert not Message.objects.exists()


def test_with_a_mailbox_that_is_gone_everybody_is_held_as_the_engine_does() -> None:
    workspace = make_workspace()
    gone, mailbox = make.make_mailbox(workspace), make.make_mailbox(workspace, name="other")
    contacts = make.make_contacts(workspace, 2)
    sequence = make.make_document(workspace, [EMAIL])
    delivery.delete_mailbox(Mailbox.objects.get(pk=gone.pk))
    enter(sequence, contacts, [gone.pk, mailbox.pk], clock.now(), at_once=True)
    assert not Message.objects.exists()
    services.advance_due(now=clock.now())
    assert [contact for contact, *_ in mail(sequence)] == [contacts[1]]
    assert Enrolment.objects.get(contact=contacts[0]).state == EnrolmentState.HELD


def test_with_a_key_and_an_event_each_the_mail_knows_its_own_event() -> None:
    workspace = make_workspace()
    mailbox, contacts = make.make_mailbox(workspace), make.make_contacts(workspace, 2)
    record_custom_events(
        workspace.pk, [NewEvent(pk, "order.paid", clock.now(), {"order": f"#{pk}"}) for pk in contacts]
    )
    events = dict(CustomEvent.objects.values_list("contact_id", "pk"))
    sequence = make.make_document(workspace, [{**EMAIL, "subject": "Order {{ event.order }}"}])
    entered = [
        services.enrol_contacts(
            sequence=sequence,
            contact_ids=contacts,
            mailbox_ids=[mailbox.pk] * 2,
            due_at=clock.now(),
            entry_key=keys,
            event_ids=[events[pk] for pk in contacts],
            send_at_once=True,
        )
        for keys in (["a", "b"], ["a", "c"])
    ]
    assert entered == [2, 1]
    enrolments = Enrolment.objects.order_by("pk").values_list("contact", "entry_key", "event_id")
    assert list(enrolments) == [
        (contacts[0], "a", events[contacts[0]]),
        (contacts[1], "b", events[contacts[1]]),
        (contacts[1], "c", events[contacts[1]]),
    ]
    messages = Message.objects.order_by("pk")
    assert [message.contact_id for message in messages] == [contacts[0], contacts[1], contacts[1]]
    own = own_fields.read([message.pk for message in messages])
    assert [own[message.pk]["event"]["order"] for message in messages] == [
        f"#{message.contact_id}" for message in messages
    ]
