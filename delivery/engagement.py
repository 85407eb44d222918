"""Opens and clicks in the ledger: the columns of first times and the counters, set-based and signed.

Tracking decides what a message's first times are and what each hit counts for; here old and new are compared, so that a hit
that turns out to be a machine's takes back what it had added. Order of locks: messages by id, counters by mailing and hour,
links by id.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from contacts.models import TrackingMode
from delivery.counters import Slot, Tally

# The label of a link that people can't see: whoever follows it is a machine.
HONEYPOT_LABEL = "honeypot:"

_UNIQUE_COLUMNS = ("opened_human", "opened_any", "clicked_human", "clicked_any")


class FirstTimes(NamedTuple):
    """A message's first open and click: by people (or through an image proxy), and by anyone."""

    opened_at: datetime | None = None
    opened_any_at: datetime | None = None
    clicked_at: datetime | None = None
    clicked_any_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrackedMessage:
    """What tracking needs of a message; `mode` is the contact's now, AGGREGATE when the contact has been deleted."""

    id: int
    workspace_id: int
    mailing_id: int
    contact_id: int | None
    created_at: datetime
    mode: TrackingMode
    firsts: FirstTimes


class TrackedLink(NamedTuple):
    """A link by what it belongs to."""

    mailing_id: int
    is_honeypot: bool


@dataclass(slots=True)
class HourlyHits:
    """Signed numbers of hits of one mailing in one hour."""

    opens_human: int = 0
    opens_all: int = 0
    clicks_human: int = 0
    clicks_all: int = 0


@dataclass(slots=True)
class LinkHits:
    """Signed numbers of one link: clicks, and messages in which it was clicked."""

    clicks_human: int = 0
    clicks_all: int = 0
    clicked_human: int = 0
    clicked_any: int = 0


def lock_messages(message_ids: Collection[int]) -> dict[int, TrackedMessage]:
    """Lock these messages, in the order of their ids, and return those that exist.  Must run inside a transaction."""
    # One probe of two primary keys a message; the lock is the weakest that an UPDATE of the first times needs.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT m.id, m.workspace_id, m.mailing_id, m.contact_id, m.created_at, c.tracking,
                   m.opened_at, m.opened_any_at, m.clicked_at, m.clicked_any_at
            FROM delivery_message m LEFT JOIN contacts_contact c ON c.id = m.contact_id
            WHERE m.id = ANY(%s) ORDER BY m.id FOR NO KEY UPDATE OF m
            """,
            [list(message_ids)],
        )
        return {
            row[0]: TrackedMessage(*row[:5], _mode(row[3], row[5]), FirstTimes(*row[6:])) for row in cursor.fetchall()
        }


def _mode(contact_id: int | None, mode: str | None) -> TrackingMode:
    if mode is not None:
        return TrackingMode(mode)
    return TrackingMode.INDIVIDUAL if contact_id is None else TrackingMode.AGGREGATE


def tracked_links(link_ids: Collection[int]) -> dict[int, TrackedLink]:
    """Return those of the links that exist."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, mailing_id, label = %s FROM delivery_link WHERE id = ANY(%s)", [HONEYPOT_LABEL, list(link_ids)]
        )
        return {row[0]: TrackedLink(*row[1:]) for row in cursor.fetchall()}


def count_links(mailing_id: int, *, at_most: int) -> int:
    """Return how many links the source of a mailing holds, honeypots aside; counting stops at `at_most`."""
    # One row of each label by the index on the mailing, so that a million personalised URLs of one label are not sorted.
    seen = [HONEYPOT_LABEL]
    with connection.cursor() as cursor:
        while len(seen) <= at_most:
            cursor.execute(
                """
                SELECT coalesce(nullif(label, ''), url) FROM delivery_link
                WHERE mailing_id = %s AND coalesce(nullif(label, ''), url) <> ALL(%s) LIMIT 1
                """,
                [mailing_id, seen],
            )
            row = cursor.fetchone()
            if row is None:
                break
            seen.append(row[0])
    return len(seen) - 1


@transaction.atomic
def record_engagement(
    *, firsts: Mapping[int, FirstTimes], hours: Mapping[Slot, HourlyHits], links: Mapping[int, LinkHits]
) -> None:
    """Set the first times of messages (by id) and move the counters by what changed.

    `hours` (by mailing and beginning of the hour) and `links` (by id) are added as they are, signed; the numbers of messages
    opened and clicked follow from comparing old and new first times, so they always equal a recount of the columns.
    Messages and links that are gone are left out.
    """
    tally = Tally()
    if firsts:
        _set_first_times(tally, firsts)
    for slot, hits in hours.items():
        for column in ("opens_human", "opens_all", "clicks_human", "clicks_all"):
            tally.mailing(slot.owner_id, slot.hour, column, getattr(hits, column))
    tally.write()
    _add_to_link_counters(links)


def _set_first_times(tally: Tally, firsts: Mapping[int, FirstTimes]) -> None:
    changed: list[tuple[int, FirstTimes]] = []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, mailing_id, opened_at, opened_any_at, clicked_at, clicked_any_at
            FROM delivery_message WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
            """,
            [list(firsts)],
        )
        for message_id, mailing_id, *before in cursor.fetchall():
            after = firsts[message_id]
            if tuple(before) != after:
                changed.append((message_id, after))
                _count_moves(tally, mailing_id, before, after)
        if not changed:
            return
        columns = [list(column) for column in zip(*(times for _, times in changed), strict=True)]
        # HOT: no index covers these columns.
        cursor.execute(
            """
            UPDATE delivery_message m SET opened_at = n.opened_at, opened_any_at = n.opened_any_at,
                   clicked_at = n.clicked_at, clicked_any_at = n.clicked_any_at
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
                 AS n (id, opened_at, opened_any_at, clicked_at, clicked_any_at)
            WHERE m.id = n.id
            """,
            [[message_id for message_id, _ in changed], *columns],
        )


def _count_moves(tally: Tally, mailing_id: int, before: Sequence[datetime | None], after: FirstTimes) -> None:
    for column, old, new in zip(_UNIQUE_COLUMNS, before, after, strict=True):
        if old != new:
            if old is not None:
                tally.mailing(mailing_id, old, column, -1)
            if new is not None:
                tally.mailing(mailing_id, new, column)


def _add_to_link_counters(links: Mapping[int, LinkHits]) -> None:
    rows = [
        (link_id, hits.clicks_human, hits.clicks_all, hits.clicked_human, hits.clicked_any)
        for link_id, hits in sorted(links.items())
    ]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO delivery_linkcounter AS counter (link_id, clicks_human, clicks_all, clicked_human, clicked_any)
            SELECT change.* FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[])
                   AS change (link_id, clicks_human, clicks_all, clicked_human, clicked_any)
            JOIN delivery_link link ON link.id = change.link_id ORDER BY change.link_id
            ON CONFLICT (link_id) DO UPDATE SET
                clicks_human = counter.clicks_human + excluded.clicks_human,
                clicks_all = counter.clicks_all + excluded.clicks_all,
                clicked_human = counter.clicked_human + excluded.clicked_human,
                clicked_any = counter.clicked_any + excluded.clicked_any
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )
