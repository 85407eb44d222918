"""The world around the engine in tests: servers that accept or refuse mail, and the delivery of facts."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from core import facts
from delivery.events import MessagesAccepted, MessagesFinished
from delivery.models import Message, MessageState
from sequences import selectors
from sequences.models import Enrolment, Sequence


def accept(messages: Iterable[Message], at: datetime) -> None:
    """A server accepts the messages at `at`, and the handlers hear of it."""
    for message in messages:
        Message.objects.filter(pk=message.pk).update(state=MessageState.ACCEPTED, accepted_at=at)
        facts.record(
            MessagesAccepted(message.mailing_id, [message.pk], at), workspace_id=message.workspace_id, occurred_at=at
        )
    facts.deliver()


def accept_together(messages: Iterable[Message], at: datetime) -> None:
    """A server accepts the messages at `at`; the handlers hear of them mailing by mailing, as of a batch."""
    by_mailing: dict[int, list[Message]] = defaultdict(list)
    for message in messages:
        by_mailing[message.mailing_id].append(message)
    for mailing_id, together in by_mailing.items():
        ids = [message.pk for message in together]
        Message.objects.filter(pk__in=ids).update(state=MessageState.ACCEPTED, accepted_at=at)
        facts.record(MessagesAccepted(mailing_id, ids, at), workspace_id=together[0].workspace_id, occurred_at=at)
    facts.deliver()


def finish(messages: Iterable[Message], state: MessageState, at: datetime) -> None:
    """The messages end otherwise, and the handlers hear of it."""
    for message in messages:
        Message.objects.filter(pk=message.pk).update(state=state)
        facts.record(
            MessagesFinished(message.mailing_id, [message.pk], state.name.lower()),
            workspace_id=message.workspace_id,
            occurred_at=at,
        )
    facts.deliver()


def queued(sequence: Sequence) -> list[tuple[int, str]]:
    """Return (contact, step's subject) of every message of the sequence, in the order in which they were queued."""
    messages = Message.objects.filter(mailing__in=selectors.mailing_ids(sequence)).order_by("pk")
    return [
        (contact, subject) for contact, subject in messages.values_list("contact_id", "mailing__subject") if contact
    ]


def messages_of(sequence: Sequence, subject: str) -> list[Message]:
    """Return the messages of one step, known by its subject."""
    return list(
        Message.objects.filter(mailing__in=selectors.mailing_ids(sequence), mailing__subject=subject).order_by("pk")
    )


def standing(sequence: Sequence) -> dict[int, tuple[int, datetime | None]]:
    """Return each contact's state and due time."""
    rows = Enrolment.objects.filter(sequence=sequence).values_list("contact_id", "state", "due_at")
    return {contact_id: (state, due_at) for contact_id, state, due_at in rows}
