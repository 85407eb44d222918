"""The engine: claims what is due and moves it, by set-based SQL.

Lock order: enrolments, messages, counters.  The engine never waits for a sequence's row: what belongs to a sequence whose
state changes this very moment is left to the next run.  So whoever changes a state may lock enrolments after the sequence.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from delivery import services as delivery
from delivery.models import Mailbox, Mailing
from sequences.models import ROOT_LANE, EnrolmentState, Sequence, Step, StepKind
from sequences.path import Path, Place, Stop

CLAIM = 10_000


@dataclass(frozen=True, slots=True)
class Due:
    """A claimed enrolment; `rotation` and `step_key` make the key of its message."""

    id: int
    sequence_id: int
    contact_id: int
    mailbox_id: int | None
    version_id: int
    step_key: str
    rotation: int
    entered_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of a claimed enrolment."""

    id: int
    step_key: str
    state: EnrolmentState
    entered_at: datetime
    due_at: datetime | None
    reason: str = ""


def advance_batch(*, now: datetime, limit: int = CLAIM) -> int:
    """Move up to `limit` due enrolments in one transaction; return how many, 0 when all that is due is held by others.

    A worker killed in here leaves no trace; the message's key makes a second run harmless in any case.
    """
    with transaction.atomic():
        claimed = _claim(now, limit)
        if not claimed:
            return 0
        states = _lock_sequences({due.sequence_id for due in claimed})
        claimed = [due for due in claimed if due.sequence_id in states]
        removed = _removed_mailboxes({due.mailbox_id for due in claimed})
        ways = paths({due.version_id for due in claimed})
        suppressed = _suppressed({due.contact_id for due in claimed if not ways[due.version_id][due.step_key].is_email})
        moves: list[Move] = []
        outgoing: dict[int, list[tuple[Due, Place]]] = defaultdict(list)
        for due in claimed:
            if states[due.sequence_id] != Sequence.State.RUNNING or due.mailbox_id in removed:
                moves.append(_set_aside(due, states[due.sequence_id]))
                continue
            if due.contact_id in suppressed:
                moves.append(Move(due.id, due.step_key, EnrolmentState.STOPPED, due.entered_at, None, "suppressed"))
                continue
            way = ways[due.version_id]
            place = way.walk(Place(way[due.step_key], due.entered_at, due.due_at), now)
            if place is not None and place.stop.mailing_id is not None and place.due_at <= now:
                outgoing[place.stop.mailing_id].append((due, place))
            moves.append(_move(due, place, way, now))
        _write(moves)
        _queue(outgoing, now)
        return len(claimed)


def paths(version_ids: Iterable[int]) -> dict[int, Path]:
    """Return the way through each version's root lane."""
    stops: dict[int, list[Stop]] = defaultdict(list)
    steps = Step.objects.filter(version__in=list(version_ids), lane=ROOT_LANE).order_by("version", "position")
    for step in steps.only("version_id", "key", "kind", "wait", "mailing_id"):
        is_email = step.kind == StepKind.EMAIL
        stops[step.version_id].append(
            Stop(step.key, mailing_id=step.mailing_id if is_email else None, wait=None if is_email else step.wait)
        )
    return {version_id: Path(found) for version_id, found in stops.items()}


def message_key(enrolment_id: int, step_key: str, rotation: int) -> str:
    """Return the key of the message that an enrolment's step sends."""
    return f"e{enrolment_id}:{step_key}:{rotation}"


def _claim(now: datetime, limit: int) -> list[Due]:
    # The partial index on due_at holds active, due-dated rows only: an idle tick reads one empty page of it.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, sequence_id, contact_id, mailbox_id, version_id, step_key, rotation, entered_step_at, due_at
            FROM sequences_enrolment WHERE state = 0 AND due_at <= %s ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
            """,
            [now, limit],
        )
        return [Due(*row) for row in cursor.fetchall()]


def _lock_sequences(ids: Collection[int]) -> dict[int, str]:
    """Read the sequences' states and keep them from changing until this transaction ends; one that is changing is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, state FROM sequences_sequence WHERE id = ANY (%s) ORDER BY id FOR SHARE SKIP LOCKED",
            [sorted(ids)],
        )
        return dict(cursor.fetchall())


def _removed_mailboxes(ids: Collection[int | None]) -> set[int | None]:
    """Return which of the mailboxes are gone (None always is).

    One that goes this very moment is delivery's to refuse: the next run sees it.
    """
    known = [mailbox_id for mailbox_id in ids if mailbox_id is not None]
    return set(ids) - set(Mailbox.objects.filter(pk__in=known, archived_at=None).values_list("pk", flat=True))


def _suppressed(contact_ids: Collection[int]) -> set[int]:
    """Return which of the contacts are suppressed; asked for those that come from a wait.

    A suppression stops its contact at once (`stop_suppressed`), unless the engine holds the enrolment at that moment.
    """
    if not contact_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id FROM contacts_contact c
            JOIN contacts_suppression s ON s.workspace_id = c.workspace_id AND s.email_key = c.email_key
            WHERE c.id = ANY (%s)
            """,
            [list(contact_ids)],
        )
        return {contact_id for (contact_id,) in cursor.fetchall()}


def _set_aside(due: Due, sequence_state: str) -> Move:
    """Stop who falls due in a closed sequence; hold who does in a paused one, or whose mailbox is to be replaced."""
    if sequence_state == Sequence.State.CLOSED:
        return Move(due.id, due.step_key, EnrolmentState.STOPPED, due.entered_at, None, reason="closed")
    return Move(due.id, due.step_key, EnrolmentState.HELD, due.entered_at, due.due_at)


def _move(due: Due, place: Place | None, way: Path, now: datetime) -> Move:
    if place is None:
        return Move(due.id, due.step_key, EnrolmentState.COMPLETED, due.due_at, None)
    if not place.stop.is_email or place.due_at > now:
        return Move(due.id, place.stop.key, EnrolmentState.ACTIVE, place.entered_at, place.due_at)
    # Nothing waits for the acceptance of the last email, so it is the end; else the acceptance sets the next due_at.
    state = EnrolmentState.ACTIVE if way.following(place.stop.key) else EnrolmentState.COMPLETED
    return Move(due.id, place.stop.key, state, place.entered_at, None)


def _write(moves: Iterable[Move]) -> None:
    columns: list[list[Any]] = [[], [], [], [], [], []]
    for move in moves:
        for column, value in zip(
            columns,
            (move.id, move.step_key, int(move.state), move.entered_at, move.due_at, move.reason),
            strict=True,
        ):
            column.append(value)
    # One statement for all groups: the primary key joins at most 10,000 rows, which are locked by the claim.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sequences_enrolment e
            SET step_key = m.step_key, state = m.state, entered_step_at = m.entered_at, due_at = m.due_at, reason = m.reason
            FROM unnest(%s::bigint[], %s::text[], %s::smallint[], %s::timestamptz[], %s::timestamptz[], %s::text[])
                AS m (id, step_key, state, entered_at, due_at, reason)
            WHERE e.id = m.id
            """,
            columns,
        )


def _queue(outgoing: dict[int, list[tuple[Due, Place]]], now: datetime) -> None:
    """Hand the emails to delivery, mailing by mailing in the order of their ids, as their counters are locked."""
    mailings = Mailing.objects.in_bulk(outgoing)
    for mailing_id, group in sorted(outgoing.items()):
        delivery.queue_messages(
            mailing=mailings[mailing_id],
            contact_ids=[due.contact_id for due, _ in group],
            mailbox_ids=[due.mailbox_id for due, _ in group if due.mailbox_id is not None],
            keys=[message_key(due.id, place.stop.key, due.rotation) for due, place in group],
            due_at=now,
            now=now,
        )
