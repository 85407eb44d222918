"""What branches and waits ask about contacts: one statement for all who stand at the step."""

import json
from collections.abc import Collection, Mapping
from collections.abc import Sequence as Items
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection

from contacts import selectors as contacts
from contacts.models import List, Segment
from contacts.selectors import Sql
from core import literals
from core.literals import numbers
from delivery.models import MessageState
from sequences.exceptions import CannotAskError
from sequences.kinds.branches import FieldBranch, ListBranch, SegmentBranch
from sequences.kinds.events import EventBranch, Match, WaitFor

CUSTOM_PREFIX = "custom."
EVER = timedelta(days=36_500)
NOTHING = Sql("NULL")


class Sent(NamedTuple):
    """What became of one enrolment's message: None where it never was, or never happened."""

    state: int | None
    accepted_at: datetime | None
    bounced_at: datetime | None
    clicked_at: datetime | None
    replied_at: datetime | None
    opened_at: datetime | None

    @property
    def delivered_at(self) -> datetime | None:
        """When it was accepted, unless it bounced later."""
        return self.accepted_at if self.state == MessageState.ACCEPTED and self.bounced_at is None else None


class Answer(NamedTuple):
    """Whether the condition holds, and the value that it was asked of (for a field)."""

    holds: bool
    value: Any = None


def sent_messages(
    workspace_id: int, step_key: str, enrolment_ids: Items[int], rotations: Items[int]
) -> dict[int, Sent]:
    """Return the latest message of the step for each enrolment, of its rotation or an earlier one."""
    # The unique key of the ledger is probed once a rotation, which is 0 for all but loops.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id, m.state, m.accepted_at, m.bounced_at, m.clicked_at, m.replied_at, m.opened_at
            FROM unnest(%s::bigint[], %s::int[]) AS e (id, rotation)
            LEFT JOIN LATERAL (
                SELECT m.* FROM generate_series(e.rotation, 0, -1) AS r (rotation)
                JOIN delivery_message m
                    ON m.workspace_id = %s AND m.key = 'e' || e.id || ':' || %s || ':' || r.rotation
                ORDER BY r.rotation DESC LIMIT 1
            ) m ON TRUE
            """,
            [numbers(enrolment_ids), numbers(rotations), workspace_id, step_key],
        )
        return {row[0]: Sent._make(row[1:]) for row in cursor.fetchall()}


def answers(
    workspace_id: int,
    branch: FieldBranch | SegmentBranch | ListBranch,
    contact_ids: Collection[int],
    now: datetime,
) -> dict[int, Answer]:
    """Return each contact's answer.  Raises CannotAskError when what it asks about is gone."""
    condition, value = condition_of(workspace_id, branch, now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT c.id, ({condition.text}), {value.text}
            FROM contacts_contact c WHERE c.workspace_id = %s AND c.id = ANY (%s::bigint[])
            """,  # noqa: S608 - see Sql
            [*condition.params, *value.params, workspace_id, numbers(contact_ids)],
        )
        return {contact_id: Answer(holds, found) for contact_id, holds, found in cursor.fetchall()}


def condition_of(workspace_id: int, branch: FieldBranch | SegmentBranch | ListBranch, now: datetime) -> tuple[Sql, Sql]:
    """Return what a branch asks of a contact's row `c`, and the value that it looks at, as SQL.  Raises as `answers` does."""
    match branch:
        case ListBranch(list=list_id):
            if not List.objects.filter(workspace_id=workspace_id, pk=list_id).exists():
                raise CannotAskError(f"The list {list_id} is gone.")
            exists = "EXISTS (SELECT FROM contacts_listmember m WHERE m.list_id = %s AND m.contact_id = c.id)"
            return Sql(exists, (list_id,)), NOTHING
        case SegmentBranch(segment=segment_id):
            segment = Segment.objects.filter(workspace_id=workspace_id, pk=segment_id).first()
            if segment is None:
                raise CannotAskError(f"The segment {segment_id} is gone.")
            return contacts.segment_sql(workspace_id, segment.definition, now=now), NOTHING
        case FieldBranch():
            tree = {"match": "all", "conditions": [branch.condition()]}
            return contacts.segment_sql(workspace_id, tree, now=now), _value_of(branch.field)


def matching(workspace_id: int, definition: Mapping[str, Any], contact_ids: Collection[int], now: datetime) -> set[int]:
    """Return which of the contacts match a segment's definition.  Raises InvalidSegment when it can't be asked any more."""
    condition = contacts.segment_sql(workspace_id, definition, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.id FROM contacts_contact c WHERE c.workspace_id = %s AND c.id = ANY (%s::bigint[]) AND ({condition.text})",  # noqa: S608 - see Sql
            [workspace_id, numbers(contact_ids), *condition.params],
        )
        return {contact_id for (contact_id,) in cursor.fetchall()}


def _value_of(field: str) -> Sql:
    if field.startswith(CUSTOM_PREFIX):
        return Sql("c.attributes ->> %s", (field.removeprefix(CUSTOM_PREFIX),))
    return Sql("to_jsonb(c) ->> %s", (field,))


class Happened(NamedTuple):
    """An event that was waited for."""

    id: int
    at: datetime


def first_events(
    wait: WaitFor, contact_ids: Items[int], since: Items[datetime]
) -> dict[tuple[int, datetime], Happened]:
    """Return the first matching event of each contact since its moment, up to the timeout; by contact and moment."""
    wanted = json.dumps(wait.match.properties())
    parameters: list[Any] = [numbers(contact_ids), literals.moments(since), wait.match.name, wanted, wait.timeout]
    # One probe of the index on contact, name and moment for each.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.contact_id, p.since, v.id, v.occurred_at
            FROM unnest(%s::bigint[], %s::timestamptz[]) AS p (contact_id, since)
            CROSS JOIN LATERAL (
                SELECT v.id, v.occurred_at FROM tracking_customevent v
                WHERE v.contact_id = p.contact_id AND v.name = %s AND v.properties @> %s::jsonb
                    AND v.occurred_at BETWEEN p.since AND p.since + %s
                ORDER BY v.occurred_at, v.id LIMIT 1
            ) v
            """,
            parameters,
        )
        return {(contact_id, at): Happened(pk, moment) for contact_id, at, pk, moment in cursor.fetchall()}


def event_counts(
    branch: EventBranch, contact_ids: Items[int], until: Items[datetime]
) -> dict[tuple[int, datetime], int]:
    """Return how many matching events each contact had up to its moment, counted as far as it matters."""
    wanted = json.dumps(branch.match.properties())
    moments: list[Any] = [numbers(contact_ids), literals.moments(until)]
    parameters = [branch.match.name, wanted, branch.within or EVER, branch.at_least, *moments]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.contact_id, p.until, (
                SELECT count(*) FROM (
                    SELECT FROM tracking_customevent v
                    WHERE v.contact_id = p.contact_id AND v.name = %s AND v.properties @> %s::jsonb
                        AND v.occurred_at > p.until - %s AND v.occurred_at <= p.until
                    LIMIT %s) matching)
            FROM unnest(%s::bigint[], %s::timestamptz[]) AS p (contact_id, until)
            """,
            parameters,
        )
        return {(contact_id, at): count for contact_id, at, count in cursor.fetchall()}


def goals_reached(goals: Collection[Match], enrolment_ids: Collection[int]) -> set[int]:
    """Return which of the enrolments have reached one of the goals since they began."""
    if not goals or not enrolment_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id FROM sequences_enrolment e WHERE e.id = ANY (%s::bigint[]) AND EXISTS (
                SELECT FROM tracking_customevent v
                JOIN unnest(%s::text[], %s::text[]) AS g (name, properties)
                    ON v.name = g.name AND v.properties @> g.properties::jsonb
                WHERE v.contact_id = e.contact_id AND v.occurred_at >= e.enrolled_at)
            """,
            [
                numbers(enrolment_ids),
                [goal.name for goal in goals],
                [json.dumps(goal.properties()) for goal in goals],
            ],
        )
        return {pk for (pk,) in cursor.fetchall()}


class Local(NamedTuple):
    """A contact's clock, and the value of the field that was asked for."""

    zone: ZoneInfo
    value: str | None


def local_clocks(contact_ids: Collection[int], field: str = "") -> dict[int, Local]:
    """Return each contact's time zone (the workspace's where it is unknown) and the value of a custom field."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, c.time_zone, w.time_zone, c.attributes ->> %s
            FROM contacts_contact c JOIN team_workspace w ON w.id = c.workspace_id WHERE c.id = ANY (%s::bigint[])
            """,
            [field, numbers(contact_ids)],
        )
        return {pk: Local(_zone(own, usual), value) for pk, own, usual, value in cursor.fetchall()}


@lru_cache(maxsize=1024)
def _zone(*names: str) -> ZoneInfo:
    for name in names:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")
