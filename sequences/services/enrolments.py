"""Who is on the way: entering, moving on by what became of a message, and stopping."""

import time
from collections.abc import Sequence as Items
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from contacts.events import AddressesSuppressed, ContactsDeleted
from core import bus, clock
from core.literals import moments, numbers
from delivery.events import MessagesAccepted, MessagesFinished
from sequences import engine
from sequences.engine.places import Target
from sequences.events import WaysEnded
from sequences.exceptions import SequenceError
from sequences.mailings import step_mailings
from sequences.models import OPEN_STATES, Decision, Enrolment, EnrolmentState, Intervened, OutboxItem, Sequence
from sequences.services import waking
from sequences.services.entering import Entry, enter_and_send, insert
from tracking.events import HitsRecorded

# A task gives its worker back after this many seconds, so that one long queue doesn't keep others from their turn.
ADVANCE_SECONDS = 20.0


@transaction.atomic
def enrol_contacts(
    *,
    sequence: Sequence,
    contact_ids: Items[int],
    mailbox_ids: Items[int],
    due_at: datetime,
    entry_key: str | Items[str] = "",
    event_ids: Items[int | None] | None = None,
    now: datetime | None = None,
    send_at_once: bool = False,
) -> int:
    """Let contacts enter the live version, each with the mailbox that writes to it; return how many entered.

    The sequences are parallel, at most 10,000 long.  `entry_key` is the same for all, or one for each; `event_ids` are the
    custom events that let them in.  Who is in with the key already stays as they are; ids of other workspaces and of deleted
    contacts are passed over.  With `send_at_once` a first email that is due is queued in this transaction, which saves the
    engine a claim and an update of each row, and whoever entered a wait for a worker.
    Raises SequenceError unless it is published and open.
    """
    state, version_id, has_filter = _lock_live(sequence)
    if state not in (Sequence.State.RUNNING, Sequence.State.PAUSED) or version_id is None:
        raise SequenceError("Contacts can only enter a sequence that is published and open.")
    ways = engine.graphs([version_id])
    first = ways[version_id].first if ways else None
    if first is None:
        raise SequenceError("The sequence has no steps.")
    moment = now or clock.now()
    entry = Entry(
        sequence.pk, sequence.workspace_id, version_id, entry_key, event_ids, contact_ids, mailbox_ids, due_at, moment
    )
    if send_at_once and state == Sequence.State.RUNNING and not has_filter:
        sent = enter_and_send(entry, ways[version_id], first)
        if sent is not None:
            return sent
    first_due_at = first.due_at(due_at)
    entered = insert(entry, Target(first.key, 0, EnrolmentState.ACTIVE, due_at, first_due_at))
    if entered and first_due_at <= moment:
        waking.wake_engine()
    return entered


def advance_due(*, now: datetime | None = None, limit: int = engine.CLAIM) -> int:
    """Move everything that is due, batch by batch in short transactions; return how many enrolments were moved.

    With `now` given it works until nothing is due then; without, it stops at a batch that isn't full, or after some seconds and
    calls itself again.
    """
    moved = 0
    started = time.monotonic()
    while batch := engine.advance_batch(now=now or clock.now(), limit=limit):
        moved += batch
        if now is None and batch < limit:
            # What falls due from here on is the next tick's: batches of a few people cost more than they hurry.
            break
        if now is None and time.monotonic() - started > ADVANCE_SECONDS:
            waking.wake_engine()
            break
    return moved


def note_accepted(fact: MessagesAccepted) -> None:
    """Handler: whoever waited for these messages' acceptance goes on from it."""
    _go_on(fact.mailing_id, fact.message_ids)


def note_finished(fact: MessagesFinished) -> None:
    """Handler: these messages won't be accepted.

    A cancelled message ends the way of its contact.  After any other (failed, skipped, unknown) the contact goes on, unless
    the address is suppressed by now: the way of a suppressed contact has ended.
    """
    if fact.state == "cancelled":
        _stop_waiting(fact.message_ids, reason="cancelled", only_suppressed=False)
        return
    _stop_waiting(fact.message_ids, reason="suppressed", only_suppressed=True)
    _go_on(fact.mailing_id, fact.message_ids)


def stop_suppressed(decision: AddressesSuppressed) -> None:
    """Handler: end the way of the contacts with these addresses, at once, even in mid-wait.

    What is queued for them already is delivery's to skip.  It waits for nobody, as it runs in the transactions of web
    requests and receipts: an enrolment that the engine holds at this moment is stopped by the engine at its next step.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sequences_enrolment SET state = %s, reason = 'suppressed', due_at = NULL WHERE id = ANY (ARRAY(
                SELECT e.id FROM contacts_contact c JOIN sequences_enrolment e ON e.contact_id = c.id
                WHERE c.workspace_id = %s AND c.email_key = ANY (%s) AND e.state = ANY (%s)
                FOR UPDATE OF e SKIP LOCKED))
            """,
            [EnrolmentState.STOPPED, decision.workspace_id, list(decision.email_keys), list(OPEN_STATES)],
        )


def forget_contacts(decision: ContactsDeleted) -> None:
    """Handler: the enrolments of deleted contacts go with them."""
    enrolments = Enrolment.objects.filter(contact__in=decision.contact_ids)
    Decision.objects.filter(enrolment__in=enrolments).delete()
    Intervened.objects.filter(enrolment__in=enrolments).delete()
    OutboxItem.objects.filter(enrolment__in=enrolments).delete()
    enrolments.delete()


def wake_engaged(fact: HitsRecorded) -> None:
    """Handler: whoever stands at a branch that asks about these messages is looked at now, not when its window closes."""
    if wake_by_messages(fact.message_ids):
        waking.wake_engine()


@transaction.atomic
def wake_by_messages(message_ids: Items[int]) -> int:
    """Let those who stand at a branch on the engagement with these messages be looked at; return how many they are."""
    with connection.cursor() as cursor:
        # The key leads from the message to its enrolment; both are found by their primary keys.
        cursor.execute(
            """
            WITH awake AS (
                SELECT e.id FROM delivery_message m
                JOIN sequences_enrolment e ON e.id = substring(m.key FROM '^e(\\d+):')::bigint
                JOIN sequences_step s ON s.version_id = e.version_id AND s.key = e.step_key
                WHERE m.id = ANY (%(message_ids)s) AND e.state = ANY (%(open)s) AND e.due_at > %(now)s
                    AND s.kind = 'branch' AND s.config ->> 'step' = split_part(m.key, ':', 2)
                    AND coalesce(m.clicked_at, m.opened_at, m.replied_at) IS NOT NULL
                ORDER BY e.id FOR UPDATE OF e
            )
            UPDATE sequences_enrolment e SET due_at = %(now)s FROM awake WHERE e.id = awake.id
            """,
            {"message_ids": list(message_ids), "open": list(OPEN_STATES), "now": clock.now()},
        )
        return int(cursor.rowcount)


@transaction.atomic
def hand_over_mailbox(*, mailbox_id: int, to: Items[int], sequence_ids: Items[int]) -> int:
    """Give the contacts on the way whose mailbox goes to the mailboxes `to`, evenly; return how many they are.

    Who was held because the mailbox is gone goes on.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sequences_enrolment e
            SET mailbox_id = (%(to)s::bigint[])[1 + e.id %% cardinality(%(to)s::bigint[])],
                state = CASE WHEN s.state = 'running' THEN 0 ELSE e.state END
            FROM sequences_sequence s
            WHERE s.id = e.sequence_id AND s.id = ANY (%(sequences)s) AND e.mailbox_id = %(mailbox)s
                AND e.state = ANY (%(open)s)
            """,
            {"to": list(to), "sequences": list(sequence_ids), "mailbox": mailbox_id, "open": list(OPEN_STATES)},
        )
        moved = int(cursor.rowcount)
    if moved:
        waking.wake_engine()
    return moved


def _lock_live(sequence: Sequence) -> tuple[str, int | None, bool]:
    """Read the state, the live version and whether there is an exit filter, and keep them until the end of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, live_version_id, exit_filter <> '{}' FROM sequences_sequence WHERE id = %s FOR SHARE",
            [sequence.pk],
        )
        state, version_id, has_filter = cursor.fetchone()
        return state, version_id, has_filter


# The enrolments that wait for messages: the key names enrolment, step and rotation, so a fact that comes twice, or after
# the contact has moved, finds nobody.
WAITING = """
    SELECT e.id, e.version_id, e.step_key, coalesce(m.accepted_at, %(now)s) AS left_at
    FROM delivery_message m
    JOIN sequences_enrolment e ON e.id = substring(m.key FROM '^e(\\d+):')::bigint
    WHERE m.id = ANY (%(message_ids)s::bigint[]) AND m.key = 'e' || e.id || ':' || e.step_key || ':' || e.rotation
        AND e.state = ANY (%(open)s) AND e.due_at IS NULL
    ORDER BY e.id FOR UPDATE OF e
"""


@transaction.atomic
def _go_on(mailing_id: int, message_ids: Items[int]) -> None:
    # Whoever's email it is may stand in another version by now, as may a mailing: each goes on in their own.
    steps = [(each.version_id, each.key) for each in step_mailings(mailing_ids=[mailing_id])]
    ways = engine.graphs({version_id for version_id, _ in steps})
    if all(ways[version_id].following(key) is None for version_id, key in steps):
        return  # the engine has completed these when it queued them
    parameters: dict[str, Any] = {"now": clock.now(), "message_ids": numbers(message_ids), "open": list(OPEN_STATES)}
    with connection.cursor() as cursor:
        cursor.execute(WAITING, parameters)
        waiting = cursor.fetchall()
        places = {(version_id, key) for _, version_id, key, _ in waiting}
        ways |= engine.graphs({version_id for version_id, _ in places} - ways.keys())
        following = {(version_id, key): ways[version_id].following(key) for version_id, key in places}
        going = [(pk, at, node) for pk, version_id, key, at in waiting if (node := following[version_id, key])]
        ended = [pk for pk, version_id, key, _ in waiting if following[version_id, key] is None]
        if ended:
            Enrolment.objects.filter(pk__in=ended).update(state=EnrolmentState.COMPLETED)
            bus.announce(WaysEnded(tuple(ended), "completed"))
        # Found and locked by the statement above.
        cursor.execute(
            """
            UPDATE sequences_enrolment e SET step_key = w.key, entered_step_at = w.left_at, due_at = w.due_at
            FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[]) AS w (id, key, left_at, due_at)
            WHERE e.id = w.id
            """,
            [
                numbers([pk for pk, _, _ in going]),
                [node.key for _, _, node in going],
                moments([at for _, at, _ in going]),
                moments([node.due_at(at) for _, at, node in going]),
            ],
        )
    if any(node.due_at(at) <= at for _, at, node in going):
        waking.wake_engine()


def _stop_waiting(message_ids: Items[int], *, reason: str, only_suppressed: bool) -> None:
    suppressed = """
        AND EXISTS (
            SELECT FROM contacts_contact c
            JOIN contacts_suppression s ON s.workspace_id = c.workspace_id AND s.email_key = c.email_key
            WHERE c.id = e.contact_id)
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH waiting AS ({WAITING})
            UPDATE sequences_enrolment e SET state = %(stopped)s, reason = %(reason)s, due_at = NULL
            FROM waiting w WHERE e.id = w.id {suppressed if only_suppressed else ""}
            """,  # noqa: S608 - constants of this module
            {
                "now": clock.now(),
                "message_ids": numbers(message_ids),
                "open": list(OPEN_STATES),
                "stopped": EnrolmentState.STOPPED,
                "reason": reason,
            },
        )
