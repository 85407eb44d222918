"""The passage of people from older versions to another, in SQL: counted over all who are on the way, carried out by ids."""

from collections.abc import Collection, Iterable
from collections.abc import Sequence as Items
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from core.literals import numbers
from delivery.models import MessageState
from sequences.models import OPEN_STATES, EnrolmentState
from sequences.transfer.plans import Fate, Passage

WAITING = (MessageState.QUEUED, MessageState.DEFERRED)

# Each step of each older version with what becomes of who stands there: at most a few thousand rows, joined by hash.
_PLAN = """
unnest(%(versions)s::bigint[], %(keys)s::text[], %(fates)s::int[], %(targets)s::text[], %(waits)s::interval[], %(ends)s::bool[])
    AS plan (version_id, step_key, fate, target, wait, ends)
"""
# Who waits for a message (no due_at) leaves it now; everybody else when they would have been looked at.
_LEFT_AT = "coalesce(e.due_at, %(now)s)"
_DUE_AT = f"""
CASE WHEN plan.fate = {Fate.END:d} THEN NULL
     WHEN plan.fate = {Fate.LEAVE:d} THEN {_LEFT_AT} + plan.wait
     WHEN e.due_at IS NULL THEN NULL
     WHEN plan.fate = {Fate.WAIT:d} THEN e.entered_step_at + plan.wait
     WHEN plan.fate = {Fate.LOOK:d} THEN greatest(e.entered_step_at, %(now)s)
     ELSE e.due_at END
"""
_ENDS = f"(plan.fate = {Fate.END:d} OR plan.ends AND e.due_at IS NULL)"

# The ids are at most a chunk, locked in their order as every other writer locks them; the engine's own are waited for.
_MOVE = f"""
WITH e AS (
    SELECT id, version_id, step_key, entered_step_at, due_at FROM sequences_enrolment
    WHERE id = ANY (%(ids)s::bigint[]) AND version_id = ANY (%(versions)s) AND state = ANY (%(open)s) ORDER BY id FOR UPDATE
)
UPDATE sequences_enrolment moved
SET version_id = %(to)s, step_key = plan.target, due_at = {_DUE_AT},
    entered_step_at = CASE WHEN plan.fate = {Fate.LEAVE:d} THEN {_LEFT_AT} ELSE e.entered_step_at END,
    state = CASE WHEN {_ENDS} THEN {EnrolmentState.COMPLETED:d} ELSE moved.state END,
    reason = CASE WHEN plan.fate IN ({Fate.LOOK:d}, {Fate.LEAVE:d}) THEN '' ELSE moved.reason END
FROM e JOIN {_PLAN} ON plan.version_id = e.version_id AND plan.step_key = e.step_key
WHERE moved.id = e.id
RETURNING moved.id, {_ENDS}
"""  # noqa: S608 - constants of this module

# One read of the index of open enrolments.
_COUNT = f"""
SELECT e.version_id, e.step_key, count(*), count(*) FILTER (WHERE {_ENDS}),
    count(*) FILTER (WHERE e.due_at > %(now)s AND {_DUE_AT} <= %(now)s), min({_DUE_AT}), max({_DUE_AT})
FROM sequences_enrolment e JOIN {_PLAN} ON plan.version_id = e.version_id AND plan.step_key = e.step_key
WHERE e.sequence_id = %(sequence)s AND e.state = ANY (%(open)s)
GROUP BY e.version_id, e.step_key
"""  # noqa: S608 - constants of this module


class Counted(NamedTuple):
    """Those who stand at one step of one version: how many, who of them end, who fall due by it, and between when they are due."""

    version_id: int
    step_key: str
    people: int
    ending: int
    overdue: int
    first_due_at: datetime | None
    last_due_at: datetime | None


class Plan:
    """All passages into one version, as the parameters of the statements."""

    def __init__(self, to: int, passages: Iterable[tuple[int, Passage]]) -> None:
        rows = list(passages)
        self.to = to
        self.versions = sorted({version_id for version_id, _ in rows})
        self.parameters: dict[str, Any] = {
            "to": to,
            "open": list(OPEN_STATES),
            "versions": [version_id for version_id, _ in rows],
            "keys": [passage.key for _, passage in rows],
            "fates": [int(passage.fate) for _, passage in rows],
            "targets": [passage.to for _, passage in rows],
            "waits": [passage.wait for _, passage in rows],
            "ends": [passage.ends for _, passage in rows],
        }


class Moved(NamedTuple):
    """How many were moved, and which of them have come to the end by it."""

    people: int
    ended: list[int]


def move(plan: Plan, ids: Collection[int], now: datetime) -> Moved:
    """Carry out the plan for those of the enrolments that are open and in an older version."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, {**plan.parameters, "ids": numbers(ids), "now": now})
        found = cursor.fetchall()
    return Moved(len(found), [pk for pk, ends in found if ends])


def end(versions: Collection[int], ids: Collection[int], reason: str) -> list[int]:
    """Stop those of the enrolments that are open and in one of the versions; return their ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH e AS (
                SELECT id FROM sequences_enrolment
                WHERE id = ANY (%s::bigint[]) AND version_id = ANY (%s) AND state = ANY (%s) ORDER BY id FOR UPDATE
            )
            UPDATE sequences_enrolment ended SET state = %s, reason = %s, due_at = NULL FROM e WHERE ended.id = e.id
            RETURNING ended.id
            """,
            [numbers(ids), list(versions), list(OPEN_STATES), EnrolmentState.STOPPED, reason],
        )
        return [pk for (pk,) in cursor.fetchall()]


def count(plan: Plan, sequence_id: int, now: datetime) -> list[Counted]:
    """Return who stands where in the older versions, and what the plan does to them."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {**plan.parameters, "sequence": sequence_id, "now": now})
        return [Counted._make(row) for row in cursor.fetchall()]


def count_sent(workspace_id: int, sequence_id: int, emails: Collection[tuple[int, str, str]]) -> dict[str, int]:
    """Return how many people on the way were sent each email in their rotation already; of (version, where they stand, email)."""
    if not emails:
        return {}
    versions, keys, wanted = (list(column) for column in zip(*emails, strict=True))
    with connection.cursor() as cursor:
        # By the ledger's unique key.
        cursor.execute(
            """
            SELECT asked.email, count(*)
            FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS asked (version_id, step_key, email)
            JOIN sequences_enrolment e ON e.version_id = asked.version_id AND e.step_key = asked.step_key
                AND e.sequence_id = %s AND e.state = ANY (%s)
            JOIN delivery_message m ON m.workspace_id = %s AND m.key = 'e' || e.id || ':' || asked.email || ':' || e.rotation
            GROUP BY asked.email
            """,
            [versions, keys, wanted, sequence_id, list(OPEN_STATES), workspace_id],
        )
        return dict(cursor.fetchall())


class Chunk(NamedTuple):
    """Some of a sequence's open enrolments, and the contact up to which they are all of them."""

    ids: list[int]
    last_contact_id: int


def next_chunk(sequence_id: int, versions: Items[int], after: int, size: int) -> Chunk | None:
    """Return who is on the way in these versions, contact by contact behind `after`; None when there is nobody left.

    Reads the unique key of (sequence, contact, entry) in its order, so that all chunks together cost one pass over it.  A contact who
    is in several times is in one chunk.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, contact_id FROM sequences_enrolment
            WHERE sequence_id = %s AND contact_id > %s AND state = ANY (%s) AND version_id = ANY (%s)
            ORDER BY contact_id FETCH FIRST %s ROWS WITH TIES
            """,
            [sequence_id, after, list(OPEN_STATES), list(versions), size],
        )
        found = cursor.fetchall()
    return Chunk([pk for pk, _ in found], found[-1][1]) if found else None


def waiting_mail(enrolment_ids: Collection[int]) -> list[int]:
    """Return the messages that wait to be sent to these enrolments, by the index of messages by contact."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT m.id FROM sequences_enrolment e JOIN delivery_message m ON m.contact_id = e.contact_id
            WHERE e.id = ANY (%s::bigint[]) AND m.state = ANY (%s) AND m.key LIKE 'e' || e.id || ':%%'
            """,
            [numbers(enrolment_ids), list(WAITING)],
        )
        return [pk for (pk,) in cursor.fetchall()]


def count_open(sequence_id: int) -> int:
    """Return how many are on the way through the sequence."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM sequences_enrolment WHERE sequence_id = %s AND state = ANY (%s)",
            [sequence_id, list(OPEN_STATES)],
        )
        return int(cursor.fetchone()[0])
