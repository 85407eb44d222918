"""The event store in SQL.  Every statement is bounded by moments, so that it touches few partitions."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from tracking.hits import micros, moment
from tracking.models import EventKind, Verdict
from tracking.verdicts import BURST

# Of pg_advisory_xact_lock: one transaction at a time changes the event store.
STORE_LOCK = 0x64726D74

COLUMNS = (
    "id", "occurred_at", "kind", "verdict", "reason", "workspace_id", "mailing_id", "message_id", "contact_id", "link_id", "ip",
    "user_agent",
)  # fmt: skip


class Row(NamedTuple):
    """An event as it is written."""

    id: int
    occurred_at: datetime
    kind: int
    verdict: int
    reason: str
    workspace_id: int
    mailing_id: int
    message_id: int | None
    contact_id: int | None
    link_id: int | None
    ip: str | None
    user_agent: str


class StoredClick(NamedTuple):
    """A click that the rules of bursts look at; `at` is in microseconds."""

    message_id: int
    at: int
    link_id: int
    reason: str


class Reach(NamedTuple):
    """Moments (microseconds, both included) of one message."""

    message_id: int
    low: int
    high: int


class Candidate(NamedTuple):
    """A stored event in a span of a machine; `human` if it counts as a person's so far."""

    id: int
    occurred_at: datetime
    message_id: int
    kind: int
    link_id: int | None
    human: bool
    reason: str


class Pair(NamedTuple):
    """A link in a message that was written at `since`."""

    message_id: int
    link_id: int
    since: datetime


class FirstTimes(NamedTuple):
    """When a person first opened a message, clicked in it, and clicked on the link that its mailing counts by age."""

    opened: datetime | None = None
    clicked: datetime | None = None
    linked: datetime | None = None


def lock() -> None:
    """Be the only one who changes the store until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [STORE_LOCK])


def known_ids(ids: Collection[int], low: datetime, high: datetime) -> set[int]:
    """Return those of the ids that are events between the moments (both included)."""
    # One probe of the primary key an id.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM tracking_event WHERE id = ANY(%s) AND occurred_at BETWEEN %s AND %s", [list(ids), low, high]
        )
        return {row[0] for row in cursor.fetchall()}


def insert(rows: Iterable[Row]) -> None:
    """COPY the rows into the store; their partitions exist."""
    with connection.cursor() as cursor, cursor.copy(f"COPY tracking_event ({', '.join(COLUMNS)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def clicks_within(reaches: Sequence[Reach]) -> list[StoredClick]:
    """Return the stored clicks of messages within their reaches."""
    if not reaches:
        return []
    # A probe of (message_id, occurred_at) a message; the constants leave out the partitions that none can reach.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.message_id, e.occurred_at, e.link_id, e.reason
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS n (message_id, low, high)
            JOIN tracking_event e ON e.message_id = n.message_id AND e.occurred_at BETWEEN n.low AND n.high
            WHERE e.kind = %s AND e.occurred_at BETWEEN %s AND %s
            """,
            [*_reach_columns(reaches), EventKind.CLICKED, *_bounds(reaches)],
        )
        return [StoredClick(row[0], micros(row[1]), row[2], row[3]) for row in cursor.fetchall()]


def candidates(reaches: Sequence[Reach]) -> list[Candidate]:
    """Return the stored events within the reaches that a burst or a honeypot can re-class."""
    if not reaches:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT e.id, e.occurred_at, e.message_id, e.kind, e.link_id, e.verdict <> %s, e.reason
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS n (message_id, low, high)
            JOIN tracking_event e ON e.message_id = n.message_id AND e.occurred_at BETWEEN n.low AND n.high
            WHERE e.occurred_at BETWEEN %s AND %s AND e.kind IN (%s, %s) AND (e.verdict <> %s OR e.reason = %s)
            """,
            [
                Verdict.MACHINE, *_reach_columns(reaches), *_bounds(reaches),
                EventKind.OPENED, EventKind.CLICKED, Verdict.MACHINE, BURST.code,
            ],
        )  # fmt: skip
        return [Candidate(*row) for row in cursor.fetchall()]


def reclass(events: Sequence[Candidate], reasons: Sequence[str]) -> None:
    """Make these events a machine's, for these reasons."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE tracking_event e SET verdict = %s, reason = n.reason
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS n (id, occurred_at, reason)
            WHERE e.id = n.id AND e.occurred_at = n.occurred_at AND e.occurred_at BETWEEN %s AND %s
            """,
            [
                Verdict.MACHINE, [event.id for event in events], [event.occurred_at for event in events], list(reasons),
                min(event.occurred_at for event in events), max(event.occurred_at for event in events),
            ],
        )  # fmt: skip


def clicked(pairs: Collection[Pair]) -> dict[tuple[int, int], tuple[bool, bool]]:
    """Return for each (message, link) whether it was clicked in the store by anyone, and by a person."""
    if not pairs:
        return {}
    link = "e.message_id = n.message_id AND e.link_id = n.link_id AND e.kind = %s AND e.occurred_at >= n.since"
    link += " AND e.occurred_at >= %s"
    bounds: list[Any] = [EventKind.CLICKED, min(pair.since for pair in pairs)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT n.message_id, n.link_id, EXISTS (SELECT FROM tracking_event e WHERE {link}),
                   EXISTS (SELECT FROM tracking_event e WHERE {link} AND e.verdict <> %s)
            FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS n (message_id, link_id, since)
            """,  # noqa: S608 - constants
            [*bounds, *bounds, Verdict.MACHINE, *_columns(pairs)],
        )
        return {(row[0], row[1]): (row[2], row[3]) for row in cursor.fetchall()}


def first_by_people(message_ids: Collection[int], since: datetime) -> dict[int, FirstTimes]:
    """Return the first times by a person of each message that has any."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.message_id, min(e.occurred_at) FILTER (WHERE e.kind = %s), min(e.occurred_at) FILTER (WHERE e.kind = %s),
                   min(e.occurred_at) FILTER (WHERE e.kind = %s AND m.id IS NOT NULL)
            FROM tracking_event e LEFT JOIN delivery_link l ON l.id = e.link_id
            LEFT JOIN delivery_mailing m
              ON m.id = l.mailing_id AND m.response_link <> '' AND m.response_link IN (l.label, l.url)
            WHERE e.message_id = ANY(%s) AND e.verdict <> %s AND e.occurred_at >= %s GROUP BY e.message_id
            """,
            [EventKind.OPENED, EventKind.CLICKED, EventKind.CLICKED, list(message_ids), Verdict.MACHINE, since],
        )
        return {row[0]: FirstTimes(*row[1:]) for row in cursor.fetchall()}


def last_by_people(contact_ids: Collection[int]) -> dict[int, tuple[datetime | None, datetime | None]]:
    """Return the last open and the last click by a person of each contact that has either."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT contact_id, max(occurred_at) FILTER (WHERE kind = %s), max(occurred_at) FILTER (WHERE kind = %s)
            FROM tracking_event WHERE contact_id = ANY(%s) AND verdict <> %s GROUP BY contact_id
            """,
            [EventKind.OPENED, EventKind.CLICKED, list(contact_ids), Verdict.MACHINE],
        )
        return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}


def forget_contacts(contact_ids: Collection[int]) -> int:
    """Take from events what leads to these contacts: number, address, user agent.  Return how many events that were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tracking_event SET contact_id = NULL, ip = NULL, user_agent = '' WHERE contact_id = ANY(%s)",
            [list(contact_ids)],
        )
        return int(cursor.rowcount)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _reach_columns(reaches: Iterable[Reach]) -> tuple[list[int], list[datetime], list[datetime]]:
    ordered = list(reaches)
    return (
        [reach.message_id for reach in ordered],
        [moment(reach.low) for reach in ordered],
        [moment(reach.high) for reach in ordered],
    )


def _bounds(reaches: Sequence[Reach]) -> tuple[datetime, datetime]:
    return moment(min(reach.low for reach in reaches)), moment(max(reach.high for reach in reaches))
