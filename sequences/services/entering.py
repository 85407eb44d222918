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
from sequences.engine.versions import Version, Versions
from sequences.events import WaysEnded
from sequences.graph import Graph, Node
from sequences.kinds import flow
from sequences.kinds.events import Goal
from sequences.models import EnrolmentState


class Entry(NamedTuple):
    """Contacts that enter a version together, each with the mailbox that writes to it (parallel, in the order of sending).

    `entry_key` is the same for all or one for each; `event_ids` are what let them in, if events did.
    """

    sequence_id: int
    workspace_id: int
    version_id: int
    entry_key: str | Items[str]
    event_ids: Items[int | None] | None
    contact_ids: Items[int]
    mailbox_ids: Items[int]
    due_at: datetime
    now: datetime


class Entered(NamedTuple):
    """A new row."""

    id: int
    contact_id: int
    mailbox_id: int


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
            entered = insert_in_order(entry, Target(first.key, 0, state, entry.due_at, None))
            going = _versions(entry, first, entered) if first.experiment_id else {Version(mailing_id, 0): entered}
            for version, group in sorted(going.items()):
                if group:
                    _queue(entry, first, version, group)
            ended = [row.id for group in going.values() for row in group]
            if ended and state == EnrolmentState.COMPLETED:
                bus.announce(WaysEnded(tuple(ended), "completed"))
    except DeliveryError:
        # A mailbox goes this very moment.
        return None
    return len(entered)


def _versions(entry: Entry, first: Node, entered: Items[Entered]) -> dict[Version, list[Entered]]:
    """Return who gets which version of a first email under test now; who gets theirs later is let rest."""
    if not entered or first.experiment_id is None:
        return {}
    versions = Versions(first.experiment_id, [row.contact_id for row in entered], entry.now)
    going, resting = versions.sort(entered, entry.due_at)
    active = EnrolmentState.ACTIVE
    rows.write_moves(
        {
            Target(first.key, 0, active, entry.due_at, rest.until, rest.reason): [row.id for row in group]
            for rest, group in resting.items()
        }
    )
    return going


def _queue(entry: Entry, first: Node, version: Version, group: Items[Entered]) -> None:
    mailing = Mailing.objects.get(pk=version.mailing_id)
    delivery.queue_messages(
        mailing=mailing,
        contact_ids=[row.contact_id for row in group],
        mailbox_ids=[row.mailbox_id for row in group],
        keys=[engine.message_key(row.id, first.key, 0) for row in group],
        due_at=entry.now,
        now=entry.now,
        fields=rows.event_fields([row.id for row in group]) if mailing.own_fields else None,
        stratum=version.stratum,
    )


def _is_plain(entry: Entry, graph: Graph, first: Node) -> bool:
    return (
        first.settings == flow.Email()
        and entry.due_at <= entry.now
        and not any(isinstance(node.settings, Goal) for node in graph)
    )


def insert(entry: Entry, target: Target) -> int:
    """Write the enrolments of those who aren't in with their key yet, where `target` says; return how many."""
    statement, parameters = _insert(entry, target)
    with connection.cursor() as cursor:
        cursor.execute(statement.format(order="", returning=""), parameters)
        return int(cursor.rowcount)


def insert_in_order(entry: Entry, target: Target) -> list[Entered]:
    """Do the same, and return the new rows in the order of sending."""
    statement, parameters = _insert(entry, target)
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(order="ORDER BY given.place", returning="RETURNING id, contact_id, mailbox_id"), parameters
        )
        return [Entered._make(row) for row in cursor.fetchall()]


def _insert(entry: Entry, target: Target) -> tuple[str, dict[str, Any]]:
    # What is the same for all is no array: a launch enrols a million.
    own_keys, own_events = not isinstance(entry.entry_key, str), entry.event_ids is not None
    arrays = ["%(contacts)s::bigint[]", "%(mailboxes)s::bigint[]"]
    arrays += ["%(keys)s::text[]"] * own_keys + ["%(events)s::bigint[]"] * own_events
    columns = ["contact_id", "mailbox_id", *["entry_key"] * own_keys, *["event_id"] * own_events]
    # One insert from arrays; the unique key (sequence, contact, entry) makes it repeatable. The range lets a chunk of neighbours, as
    # launches bring them, be read from the contacts' index in one go, never by a look at each or at all contacts there are.
    statement = f"""
        INSERT INTO sequences_enrolment (
            sequence_id, contact_id, mailbox_id, entry_key, event_id, version_id, step_key, state,
            enrolled_at, entered_step_at, due_at)
        SELECT %(sequence)s, c.id, given.mailbox_id, {"given.entry_key" if own_keys else "%(keys)s"},
            {"given.event_id" if own_events else "NULL"}, %(version)s, %(step)s, %(state)s, %(now)s, %(entered)s, %(due)s
        FROM unnest({", ".join(arrays)}) WITH ORDINALITY AS given ({", ".join(columns)}, place)
        JOIN contacts_contact c ON c.id = given.contact_id AND c.workspace_id = %(workspace)s
            AND c.id BETWEEN %(lowest)s AND %(highest)s
        {{order}}
        ON CONFLICT (sequence_id, contact_id, entry_key) DO NOTHING
        {{returning}}
        """  # noqa: S608 - constants of this function
    return statement, {
        "sequence": entry.sequence_id, "workspace": entry.workspace_id, "version": entry.version_id,
        "step": target.step_key, "state": target.state, "now": entry.now, "entered": target.entered_at,
        "due": target.due_at, "contacts": numbers(entry.contact_ids), "mailboxes": numbers(entry.mailbox_ids),
        "lowest": min(entry.contact_ids, default=0), "highest": max(entry.contact_ids, default=0),
        "keys": list(entry.entry_key) if own_keys else entry.entry_key, "events": list(entry.event_ids or ()),
    }  # fmt: skip
