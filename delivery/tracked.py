"""What tracking needs to know of messages and links before it counts a hit, in one statement each."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from contacts.models import TrackingMode

# The label of a link that people can't see: whoever follows it is a machine.
HONEYPOT_LABEL = "honeypot:"


@dataclass(frozen=True, slots=True)
class TrackedMessage:
    """A message by what a hit on it needs; `mode` is the contact's now, AGGREGATE when the contact has been deleted."""

    id: int
    workspace_id: int
    mailing_id: int
    contact_id: int | None
    created_at: datetime
    opened_at: datetime | None
    opened_any_at: datetime | None
    clicked_at: datetime | None
    clicked_any_at: datetime | None
    linked_at: datetime | None
    mode: TrackingMode


class TrackedLink(NamedTuple):
    """A link by what it belongs to."""

    mailing_id: int
    is_honeypot: bool


def lock_messages(message_ids: Collection[int]) -> dict[int, TrackedMessage]:
    """Lock these messages, in the order of their ids, and return those that exist.  Must run inside a transaction."""
    # One probe of two primary keys a message; the lock is the weakest that an UPDATE of the first times needs.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT m.id, m.workspace_id, m.mailing_id, m.contact_id, m.created_at,
                   m.opened_at, m.opened_any_at, m.clicked_at, m.clicked_any_at, m.linked_at, c.tracking
            FROM delivery_message m LEFT JOIN contacts_contact c ON c.id = m.contact_id
            WHERE m.id = ANY(%s) ORDER BY m.id FOR NO KEY UPDATE OF m
            """,
            [list(message_ids)],
        )
        return {row[0]: _tracked(*row) for row in cursor.fetchall()}


def _tracked(message_id: int, workspace_id: int, mailing_id: int, contact_id: int | None, *rest: Any) -> TrackedMessage:
    created_at, opened_at, opened_any_at, clicked_at, clicked_any_at, linked_at, mode = rest
    return TrackedMessage(
        message_id,
        workspace_id,
        mailing_id,
        contact_id,
        created_at,
        opened_at,
        opened_any_at,
        clicked_at,
        clicked_any_at,
        linked_at,
        _mode(contact_id, mode),
    )


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
