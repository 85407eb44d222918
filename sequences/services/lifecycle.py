"""Publishing, pausing, resuming and closing a sequence.

A change of state pushes the state down to the mailings, in one transaction; enrolments follow when the engine meets them
(a paused sequence's are set aside as held when they fall due) or when `sweep_closed` puts them away.
"""

import logging
from datetime import datetime

from django.db import connection, transaction

from core import clock
from delivery import services as delivery
from delivery.models import Mailing
from sequences import selectors
from sequences.exceptions import SequenceError
from sequences.models import OPEN_STATES, EnrolmentState, Sequence, Step, StepKind, Version
from sequences.services import checking, drafts, experiments, planning, threads, waking

logger = logging.getLogger(__name__)

SWEEP_CHUNK = 10_000
# How fast a pause is made up for: people a second, unless that takes longer than so many seconds.
RELEASED_A_SECOND = 10.0
RELEASED_WITHIN = 3600.0


@transaction.atomic
def publish(
    sequence: Sequence, *, context: dict[str, object] | None = None, track_opens: bool = True, track_clicks: bool = True
) -> Version:
    """Freeze the draft, make a mailing for each of its emails, and let the sequence run.

    `context` holds the merge fields that are the same for everybody (`campaign.name`).  Raises SequenceError when there is
    no draft, StepError when a step is incomplete.
    """
    draft = drafts.lock_draft(sequence)
    steps = selectors.steps_in_order(draft)
    checking.require_publishable(sequence.workspace_id, steps)
    for step in steps:
        if step.kind == StepKind.EMAIL:
            step.mailing = _make_mailing(
                sequence, step, steps, context=context or {}, track_opens=track_opens, track_clicks=track_clicks
            )
            step.save(update_fields=["mailing"])
            experiments.start_experiment(step, step.mailing)
    draft.published_at = clock.now()
    draft.save(update_fields=["published_at"])
    planning.drop_unused(planning.tests_of(draft))
    sequence.live_version = draft
    sequence.state = Sequence.State.RUNNING
    sequence.save(update_fields=["live_version", "state"])
    return draft


@transaction.atomic
def pause(sequence: Sequence) -> None:
    """Hold everybody where they are, and the mail that is queued.  Raises SequenceError unless it is running."""
    _move(sequence, Sequence.State.RUNNING, Sequence.State.PAUSED, "Only a running sequence can be paused.")
    delivery.set_mailing_state(selectors.mailing_ids(sequence), Mailing.State.PAUSED)


@transaction.atomic
def resume(sequence: Sequence) -> None:
    """Let everybody go on; what fell due meanwhile is due in its order, paced.  Raises SequenceError unless it is paused."""
    _move(sequence, Sequence.State.PAUSED, Sequence.State.RUNNING, "Only a paused sequence can be resumed.")
    _release_held(sequence.pk, clock.now())
    delivery.set_mailing_state(selectors.mailing_ids(sequence), Mailing.State.RUNNING)
    waking.wake_engine()


def _release_held(sequence_id: int, now: datetime) -> None:
    """Let who was held fall due one after the other: some a second, or as many as it takes to be done within an hour.

    `due_at` says only when to look, so that each one's own times, and so the gaps between two emails, stay as they are.
    """
    # Held rows are in the index of open enrolments, so this costs what was held.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH held AS (
                SELECT id, row_number() OVER (ORDER BY due_at, id) - 1 AS place, count(*) OVER () AS everybody
                FROM sequences_enrolment WHERE sequence_id = %(sequence)s AND state = %(held)s
            )
            UPDATE sequences_enrolment e SET state = %(active)s,
                due_at = %(now)s + held.place / greatest(%(a_second)s, held.everybody / %(within)s) * interval '1 second'
            FROM held WHERE e.id = held.id
            """,
            {
                "sequence": sequence_id,
                "held": EnrolmentState.HELD,
                "active": EnrolmentState.ACTIVE,
                "now": now,
                "a_second": RELEASED_A_SECOND,
                "within": RELEASED_WITHIN,
            },
        )


@transaction.atomic
def close(sequence: Sequence, *, cancel_mail: bool = False) -> None:
    """End the sequence: nobody enters or moves any more.  `cancel_mail` also cancels what is still queued.

    Closing a closed sequence changes nothing.  Its enrolments are put away soon after.
    """
    changed = (
        Sequence.objects.filter(pk=sequence.pk)
        .exclude(state=Sequence.State.CLOSED)
        .update(state=Sequence.State.CLOSED, closed_at=clock.now())
    )
    sequence.refresh_from_db(fields=["state", "closed_at"])
    if not changed:
        return
    if cancel_mail:
        delivery.set_mailing_state(selectors.mailing_ids(sequence), Mailing.State.CANCELLED)
    waking.wake_sweeper()


def sweep_closed(*, now: datetime | None = None) -> int:
    """Put away the enrolments of closed sequences, in short transactions; return how many rows it touched.

    Those of a one-step sequence are deleted, as the messages keep the facts; in a longer one, who was still on the way is
    stopped.  Killed half-way, the next run goes on.
    """
    touched = 0
    unswept = Sequence.objects.filter(closed_at__isnull=False, swept_at=None).select_related("live_version")
    for sequence in list(unswept.order_by("closed_at")[:100]):
        one_step = sequence.live_version is None or sequence.live_version.steps.count() <= 1
        while rows := (_delete_chunk(sequence.pk) if one_step else _stop_chunk(sequence.pk)):
            touched += rows
        left = sequence.enrolments.all() if one_step else sequence.enrolments.filter(state__in=OPEN_STATES)
        if not left.exists():  # else the engine holds some this very moment: the next sweep takes them
            Sequence.objects.filter(pk=sequence.pk).update(swept_at=now or clock.now())
    return touched


def _delete_chunk(sequence_id: int) -> int:
    # The unique key starts with the sequence; nothing points at enrolments, so plain SQL needs no collector.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM sequences_enrolment WHERE id = ANY (ARRAY(
                SELECT id FROM sequences_enrolment WHERE sequence_id = %s LIMIT %s FOR UPDATE SKIP LOCKED))
            """,
            [sequence_id, SWEEP_CHUNK],
        )
        return int(cursor.rowcount)


def _stop_chunk(sequence_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sequences_enrolment SET state = %s, reason = 'closed', due_at = NULL WHERE id = ANY (ARRAY(
                SELECT id FROM sequences_enrolment WHERE sequence_id = %s AND state = ANY (%s)
                LIMIT %s FOR UPDATE SKIP LOCKED))
            """,
            [EnrolmentState.STOPPED, sequence_id, list(OPEN_STATES), SWEEP_CHUNK],
        )
        return int(cursor.rowcount)


def _move(sequence: Sequence, before: str, after: str, refusal: str) -> None:
    if not Sequence.objects.filter(pk=sequence.pk, state=before).update(state=after):
        raise SequenceError(refusal)
    sequence.state = after


def _make_mailing(
    sequence: Sequence,
    step: Step,
    steps: list[Step],
    *,
    context: dict[str, object],
    track_opens: bool,
    track_clicks: bool,
) -> Mailing:
    return delivery.create_mailing(
        workspace=sequence.workspace,
        name=sequence.name,
        context=context,
        track_opens=track_opens,
        track_clicks=track_clicks,
        **threads.mailed_content(step, steps),
    )
