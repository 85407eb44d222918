"""Ending ways at once, even in mid-wait, together with the mail that is queued for them.

Priority: suppression > human reply > goal > manual > exit filter.  Whoever has stopped already stays stopped for the first
reason; of reasons that are known at one moment, the engine and the callers here take the higher one first.
"""

from collections.abc import Sequence as Items

from django.db import connection, transaction

from core import bus, clock
from delivery import services as delivery
from delivery.models import MessageState
from sequences.events import WaysEnded
from sequences.models import OPEN_STATES, Enrolment, EnrolmentState
from sequences.services import waking
from tracking.events import CustomEventsRecorded

# Why an enrolment ended, and the code (`delivery.reasons`) that its queued mail is cancelled with.
CODES = {"replied": "replied", "goal": "goal_reached", "manual": "stopped", "stop_step": "stopped"}


@transaction.atomic
def stop_enrolments(*, enrolment_ids: Items[int], reason: str) -> int:
    """End the ways that are open (`reason` is of `CODES`) and cancel the mail that waits; return how many ended.

    A way that was complete but for its last email, which waits yet, ends by it, too.  Waits for an engine that holds one of
    them at this moment: what it queues meanwhile is cancelled as well.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM sequences_enrolment WHERE id = ANY (%s) ORDER BY id FOR UPDATE", [list(enrolment_ids)]
        )
        locked = [pk for (pk,) in cursor.fetchall()]
        # By the index of messages by contact; a statement of its own, so that it sees what the engine has queued.
        cursor.execute(
            """
            SELECT e.id, m.id FROM sequences_enrolment e JOIN delivery_message m ON m.contact_id = e.contact_id
            WHERE e.id = ANY (%s) AND e.state <> %s AND m.state = ANY (%s) AND m.key LIKE 'e' || e.id || ':%%'
            """,
            [locked, EnrolmentState.STOPPED, [MessageState.QUEUED, MessageState.DEFERRED]],
        )
        waiting = cursor.fetchall()
        cursor.execute(
            """
            UPDATE sequences_enrolment SET state = %s, reason = %s, due_at = NULL
            WHERE id = ANY (%s) AND (state = ANY (%s) OR state = %s AND id = ANY (%s)) RETURNING id
            """,
            [
                EnrolmentState.STOPPED, reason, locked, list(OPEN_STATES), EnrolmentState.COMPLETED,
                [enrolment_id for enrolment_id, _ in waiting],
            ],
        )  # fmt: skip
        stopped = [pk for (pk,) in cursor.fetchall()]
    if waiting:
        delivery.cancel_messages(message_ids=[message_id for _, message_id in waiting], reason=CODES[reason])
    if stopped:
        bus.announce(WaysEnded(tuple(stopped), reason))
    return len(stopped)


def stop_enrolment(enrolment: Enrolment) -> None:
    """End one way by hand; one that has ended changes nothing."""
    stop_enrolments(enrolment_ids=[enrolment.pk], reason="manual")
    enrolment.refresh_from_db()


def stop_asked(*, sequence_id: int, contact_ids: Items[int]) -> int:
    """End the contacts' ways through a sequence, as a step of another one asks; return how many ended."""
    enrolments = Enrolment.objects.filter(sequence=sequence_id, contact__in=contact_ids)
    return stop_enrolments(enrolment_ids=list(enrolments.values_list("pk", flat=True)), reason="stop_step")


@transaction.atomic
def note_custom_events(fact: CustomEventsRecorded) -> None:
    """Handler: these events end the ways whose goal they are, and wake who stands waiting for them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT e.id FROM tracking_customevent v
            JOIN sequences_enrolment e ON e.contact_id = v.contact_id
            JOIN sequences_step s ON s.version_id = e.version_id AND s.kind = 'goal'
                AND s.config ->> 'event' = v.name AND v.properties @> coalesce(s.config -> 'where', '{}')
            WHERE v.id = ANY (%s) AND v.occurred_at >= e.enrolled_at AND (e.state = ANY (%s) OR e.state = %s AND EXISTS (
                SELECT FROM delivery_message m
                WHERE m.contact_id = e.contact_id AND m.state = ANY (%s) AND m.key LIKE 'e' || e.id || ':%%'))
            """,
            [
                fact.event_ids, list(OPEN_STATES), EnrolmentState.COMPLETED,
                [MessageState.QUEUED, MessageState.DEFERRED],
            ],
        )  # fmt: skip
        reached = [pk for (pk,) in cursor.fetchall()]
    if reached:
        stop_enrolments(enrolment_ids=reached, reason="goal")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH awake AS (
                SELECT e.id FROM tracking_customevent v
                JOIN sequences_enrolment e ON e.contact_id = v.contact_id
                JOIN sequences_step s ON s.version_id = e.version_id AND s.key = e.step_key
                    AND s.kind = 'wait_for' AND s.config ->> 'event' = v.name
                WHERE v.id = ANY (%(events)s) AND e.state = ANY (%(open)s) AND e.due_at > %(now)s
                ORDER BY e.id FOR UPDATE OF e
            )
            UPDATE sequences_enrolment e SET due_at = %(now)s FROM awake WHERE e.id = awake.id
            """,
            {"events": fact.event_ids, "open": list(OPEN_STATES), "now": clock.now()},
        )
        awake = int(cursor.rowcount)
    if awake:
        waking.wake_engine()
