"""The engine: claims what is due and moves it, by set-based SQL.

Lock order: enrolments, messages, counters.  The engine never waits for a sequence's row: what belongs to a sequence whose
state changes this very moment is left to the next run.  So whoever changes a state may lock enrolments after the sequence.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Sequence as Items
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from core.literals import numbers
from delivery import services as delivery
from delivery.models import Mailbox, Mailing
from sequences.models import ROOT_LANE, EnrolmentState, Sequence, Step, StepKind
from sequences.path import Path, Place, Stop

CLAIM = 10_000


class Due(NamedTuple):
    """A claimed enrolment; `rotation` and the step make the key of its message."""

    id: int
    sequence_id: int
    contact_id: int
    mailbox_id: int | None
    version_id: int
    step_key: str
    rotation: int
    entered_at: datetime
    due_at: datetime


class Target(NamedTuple):
    """Where an enrolment stands afterwards."""

    step_key: str
    state: EnrolmentState
    entered_at: datetime
    due_at: datetime | None
    reason: str = ""


class Outcome(NamedTuple):
    """What becomes of everybody who stands at the same place since the same moment; `mailing_id` is what they are sent."""

    target: Target
    mailing_id: int | None = None


class Email(NamedTuple):
    """An email step as it is sent."""

    mailing_id: int
    step_key: str


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
        moves: dict[Target, list[int]] = defaultdict(list)
        outgoing: dict[Email, list[Due]] = defaultdict(list)
        # In a broadcast thousands stand at the same place since the same moment: their outcome is worked out once.
        known: dict[tuple[int, str, datetime, datetime], Outcome] = {}
        for due in claimed:
            if states[due.sequence_id] != Sequence.State.RUNNING or due.mailbox_id in removed:
                moves[_set_aside(due, states[due.sequence_id])].append(due.id)
                continue
            if due.contact_id in suppressed:
                moves[_stopped(due, "suppressed")].append(due.id)
                continue
            place = (due.version_id, due.step_key, due.entered_at, due.due_at)
            outcome = known.get(place)
            if outcome is None:
                outcome = known[place] = _outcome(ways[due.version_id], due, now)
            moves[outcome.target].append(due.id)
            if outcome.mailing_id is not None:
                outgoing[Email(outcome.mailing_id, outcome.target.step_key)].append(due)
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
        return [Due._make(row) for row in cursor.fetchall()]


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
            [numbers(contact_ids)],
        )
        return {contact_id for (contact_id,) in cursor.fetchall()}


def _set_aside(due: Due, sequence_state: str) -> Target:
    """Stop who falls due in a closed sequence; hold who does in a paused one, or whose mailbox is to be replaced."""
    if sequence_state == Sequence.State.CLOSED:
        return _stopped(due, "closed")
    return Target(due.step_key, EnrolmentState.HELD, due.entered_at, due.due_at)


def _stopped(due: Due, reason: str) -> Target:
    return Target(due.step_key, EnrolmentState.STOPPED, due.entered_at, None, reason)


def _outcome(way: Path, due: Due, now: datetime) -> Outcome:
    place = way.walk(Place(way[due.step_key], due.entered_at, due.due_at), now)
    if place is None:
        return Outcome(Target(due.step_key, EnrolmentState.COMPLETED, due.due_at, None))
    step_key = place.stop.key
    if not place.stop.is_email or place.due_at > now:
        return Outcome(Target(step_key, EnrolmentState.ACTIVE, place.entered_at, place.due_at))
    # Nothing waits for the acceptance of the last email, so it is the end; else the acceptance sets the next due_at.
    state = EnrolmentState.ACTIVE if way.following(step_key) else EnrolmentState.COMPLETED
    return Outcome(Target(step_key, state, place.entered_at, None), place.stop.mailing_id)


def _write(moves: Mapping[Target, Items[int]]) -> None:
    """Write where everybody stands now, in one statement: the ids with the number of their target, and the targets."""
    targets = list(moves)
    if not targets:
        return
    ids = [enrolment_id for target in targets for enrolment_id in moves[target]]
    places = [place for place, target in enumerate(targets, start=1) for _ in moves[target]]
    columns = [list(column) for column in zip(*targets, strict=True)]
    # The primary key joins at most 10,000 rows, which are locked by the claim.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sequences_enrolment e
            SET step_key = t.step_key, state = t.state, entered_step_at = t.entered_at, due_at = t.due_at, reason = t.reason
            FROM unnest(%s::bigint[], %s::int[]) AS m (id, number)
            JOIN unnest(%s::text[], %s::smallint[], %s::timestamptz[], %s::timestamptz[], %s::text[])
                WITH ORDINALITY AS t (step_key, state, entered_at, due_at, reason, number) ON t.number = m.number
            WHERE e.id = m.id
            """,
            [numbers(ids), numbers(places), *columns],
        )


def _queue(outgoing: Mapping[Email, Items[Due]], now: datetime) -> None:
    """Hand the emails to delivery, mailing by mailing in the order of their ids, as their counters are locked."""
    mailings = Mailing.objects.in_bulk([email.mailing_id for email in outgoing])
    for email, group in sorted(outgoing.items()):
        delivery.queue_messages(
            mailing=mailings[email.mailing_id],
            contact_ids=[due.contact_id for due in group],
            mailbox_ids=[due.mailbox_id for due in group if due.mailbox_id is not None],
            keys=[message_key(due.id, email.step_key, due.rotation) for due in group],
            due_at=now,
            now=now,
        )
