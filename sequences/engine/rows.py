"""The engine's own SQL: claim, look, write; a statement a batch each."""

import json
from collections.abc import Collection, Mapping
from collections.abc import Sequence as Items
from datetime import datetime
from typing import Any

from django.db import connection

from core.literals import numbers
from delivery.models import Mailbox
from sequences.engine.places import Decided, Due, Running, Target
from sequences.models import Version
from tracking.selectors import event_context


def claim(now: datetime, limit: int) -> list[Due]:
    """Lock and return up to `limit` due enrolments, oldest first, without those that others hold."""
    # The partial index on due_at holds active, due-dated rows only: an idle tick reads one empty page of it.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, sequence_id, contact_id, mailbox_id, version_id, step_key, rotation, entered_step_at, due_at,
                away_until
            FROM sequences_enrolment WHERE state = 0 AND due_at <= %s ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
            """,
            [now, limit],
        )
        return [Due._make(row) for row in cursor.fetchall()]


def lock_sequences(ids: Collection[int]) -> dict[int, Running]:
    """Read the sequences' states and keep them from changing until this transaction ends; one that is changing is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, state, workspace_id, exit_filter FROM sequences_sequence WHERE id = ANY (%s) ORDER BY id
            FOR SHARE SKIP LOCKED
            """,
            [sorted(ids)],
        )
        return {
            pk: Running(state, workspace_id, json.loads(exit_filter))
            for pk, state, workspace_id, exit_filter in cursor.fetchall()
        }


def removed_mailboxes(ids: Collection[int | None]) -> set[int | None]:
    """Return which of the mailboxes are gone (None always is).

    One that goes this very moment is delivery's to refuse: the next run sees it.
    """
    known = [mailbox_id for mailbox_id in ids if mailbox_id is not None]
    return set(ids) - set(Mailbox.objects.filter(pk__in=known, archived_at=None).values_list("pk", flat=True))


def revised(version_ids: Collection[int]) -> set[int]:
    """Return which of the versions changed an earlier one: people may come by an email there that they were sent before."""
    return set(Version.objects.filter(pk__in=version_ids, number__gt=1).values_list("pk", flat=True))


def sent_before(workspace_id: int, step_key: str, enrolment_ids: Items[int], rotations: Items[int]) -> set[int]:
    """Return which of the enrolments have a message of the step in their rotation already, by the ledger's unique key."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id FROM unnest(%s::bigint[], %s::int[]) AS e (id, rotation)
            JOIN delivery_message m ON m.workspace_id = %s AND m.key = 'e' || e.id || ':' || %s || ':' || e.rotation
            """,
            [numbers(enrolment_ids), numbers(rotations), workspace_id, step_key],
        )
        return {pk for (pk,) in cursor.fetchall()}


def suppressed(contact_ids: Collection[int]) -> set[int]:
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
            WHERE c.id = ANY (%s::bigint[])
            """,
            [numbers(contact_ids)],
        )
        return {contact_id for (contact_id,) in cursor.fetchall()}


def write_moves(moves: Mapping[Target, Items[int]]) -> None:
    """Write where everybody stands now, in one statement: the ids with the number of their target, and the targets."""
    targets = list(moves)
    if not targets:
        return
    ids = [enrolment_id for target in targets for enrolment_id in moves[target]]
    places = [number for number, target in enumerate(targets, start=1) for _ in moves[target]]
    columns = [list(column) for column in zip(*targets, strict=True)]
    # The primary key joins at most 10,000 rows, which are locked by the claim.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sequences_enrolment e
            SET step_key = t.step_key, rotation = t.rotation, state = t.state, entered_step_at = t.entered_at,
                due_at = t.due_at, reason = t.reason
            FROM unnest(%s::bigint[], %s::int[]) AS m (id, number)
            JOIN unnest(%s::text[], %s::int[], %s::smallint[], %s::timestamptz[], %s::timestamptz[], %s::text[])
                WITH ORDINALITY AS t (step_key, rotation, state, entered_at, due_at, reason, number)
                ON t.number = m.number
            WHERE e.id = m.id
            """,
            [numbers(ids), numbers(places), *columns],
        )


def write_decisions(decisions: Items[Decided]) -> None:
    """Keep what was decided, and from what; a decision that is kept already stays."""
    if not decisions:
        return
    # Thousands take the same lane at the same moment by the same inputs: what they share is sent once.
    alike: dict[tuple[object, ...], int] = {}
    places = [alike.setdefault(decided[1:], len(alike) + 1) for decided in decisions]
    ids = [decided.enrolment_id for decided in decisions]
    columns = [list(column) for column in zip(*alike, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO sequences_decision (enrolment_id, step_key, rotation, lane, inputs, decided_at)
            SELECT m.id, d.step_key, d.rotation, d.lane, d.inputs::jsonb, d.decided_at
            FROM unnest(%s::bigint[], %s::int[]) WITH ORDINALITY AS m (id, number, place)
            JOIN unnest(%s::text[], %s::int[], %s::text[], %s::text[], %s::timestamptz[])
                WITH ORDINALITY AS d (step_key, rotation, lane, inputs, decided_at, number) ON d.number = m.number
            ORDER BY m.place
            ON CONFLICT (enrolment_id, step_key, rotation) DO NOTHING
            """,
            [numbers(ids), numbers(places), *columns],
        )


def event_fields(enrolment_ids: Items[int]) -> list[dict[str, Any] | None]:
    """Return for each enrolment the merge fields of the event that let it in (`event.*`); None where none did.

    Its properties, and the event's name and moment where no property is called so.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id, v.name, v.occurred_at, v.properties::text FROM sequences_enrolment e
            JOIN tracking_customevent v ON v.id = e.event_id AND v.contact_id = e.contact_id
            WHERE e.id = ANY (%s)
            """,
            [list(enrolment_ids)],
        )
        found = {pk: event_context(name, at, json.loads(properties)) for pk, name, at, properties in cursor.fetchall()}
    return [{"event": found[pk]} if pk in found else None for pk in enrolment_ids]
