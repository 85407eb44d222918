"""Entering a version with the first email queued at once, as the engine's next run would leave it."""

from collections.abc import Sequence as Items
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from core import bus
from core.literals import numbers
from delivery import services as delivery
from delivery.exceptions import DeliveryError
from delivery.models import Mailing
from sequences import engine
from sequences.engine import rows
from sequences.engine.places import Target
from sequences.events import WaysEnded
from sequences.graph import Graph, Node
from sequences.kinds import flow
from sequences.kinds.events import Goal
from sequences.models import EnrolmentState


class Entry(NamedTuple):
    """Contacts that enter a version together, each with the mailbox that writes to it (parallel, in the order of sending)."""

    sequence_id: int
    workspace_id: int
    version_id: int
    entry_key: str
    contact_ids: Items[int]
    mailbox_ids: Items[int]
    due_at: datetime
    now: datetime


class Entered(NamedTuple):
    """A new row."""

    id: int
    contact_id: int
    mailbox_id: int


# One insert from two arrays; the unique key (sequence, contact, entry) makes it repeatable.
_ENTER = """
INSERT INTO sequences_enrolment (
    sequence_id, contact_id, mailbox_id, entry_key, version_id, step_key, state, enrolled_at, entered_step_at, due_at)
SELECT %s, c.id, given.mailbox_id, %s, %s, %s, %s, %s, %s, %s
FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS given (contact_id, mailbox_id, place)
JOIN contacts_contact c ON c.id = given.contact_id AND c.workspace_id = %s
ORDER BY given.place
ON CONFLICT (sequence_id, contact_id, entry_key) DO NOTHING
"""


def enter_and_send(entry: Entry, graph: Graph, first: Node) -> int | None:
    """Let contacts enter a running sequence with their first email queued, as the engine's next run would leave them.

    Returns how many are new, or None where that is the engine's to decide: the first step is no plain email that is due, there
    are goals that may have been reached, a mailbox is gone.
    """
    mailing_id = first.mailing_id
    if mailing_id is None or not _is_plain(entry, graph, first) or rows.removed_mailboxes(set(entry.mailbox_ids)):
        return None
    # As in `Walk`: nothing waits for the acceptance of the last email; else the acceptance sets the next due_at.
    state = EnrolmentState.ACTIVE if first.next_key is not None else EnrolmentState.COMPLETED
    try:
        with transaction.atomic():
            entered = _insert(entry, Target(first.key, 0, state, entry.due_at, None))
            if entered:
                delivery.queue_messages(
                    mailing=Mailing.objects.get(pk=mailing_id),
                    contact_ids=[row.contact_id for row in entered],
                    mailbox_ids=[row.mailbox_id for row in entered],
                    keys=[engine.message_key(row.id, first.key, 0) for row in entered],
                    due_at=entry.now,
                    now=entry.now,
                )
            if entered and state == EnrolmentState.COMPLETED:
                bus.announce(WaysEnded(tuple([row.id for row in entered]), "completed"))
    except DeliveryError:
        # A mailbox goes this very moment.
        return None
    return len(entered)


def _is_plain(entry: Entry, graph: Graph, first: Node) -> bool:
    return (
        first.settings == flow.Email()
        and entry.due_at <= entry.now
        and not any(isinstance(node.settings, Goal) for node in graph)
    )


def _insert(entry: Entry, target: Target) -> list[Entered]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_ENTER} RETURNING id, contact_id, mailbox_id", _values(entry, target))
        return [Entered._make(row) for row in cursor.fetchall()]


def _values(entry: Entry, target: Target) -> list[Any]:
    return [
        entry.sequence_id, entry.entry_key, entry.version_id, target.step_key, target.state, entry.now, target.entered_at,
        target.due_at, numbers(entry.contact_ids), numbers(entry.mailbox_ids), entry.workspace_id,
    ]  # fmt: skip
