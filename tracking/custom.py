"""Events that other programs tell of, in SQL: written once a key, asked by contact and name."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

MAX_NAME = 100
MAX_KEY = 200
MAX_PROPERTIES = 16_384


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be written; the same `key` twice in a workspace is one event."""

    contact_id: int
    name: str
    occurred_at: datetime
    properties: dict[str, Any] = field(default_factory=dict)
    key: str = ""


def write(workspace_id: int, events: Sequence[NewEvent], now: datetime) -> list[int]:
    """Write the events of the workspace's contacts whose key is new, and return their ids; a moment to come becomes now."""
    columns = (
        [event.contact_id for event in events],
        [event.name for event in events],
        [json.dumps(event.properties) for event in events],
        [event.key for event in events],
        [min(event.occurred_at, now) for event in events],
    )
    with connection.cursor() as cursor:
        # Ordered by key, so that two writers of the same keys don't wait for each other crosswise.
        cursor.execute(
            """
            INSERT INTO tracking_customevent
                (workspace_id, contact_id, name, properties, key, occurred_at, recorded_at)
            SELECT c.workspace_id, c.id, given.name, given.properties::jsonb, given.key, given.occurred_at, %s
            FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
                WITH ORDINALITY AS given (contact_id, name, properties, key, occurred_at, place)
            JOIN contacts_contact c ON c.id = given.contact_id AND c.workspace_id = %s
            ORDER BY given.key, given.place
            ON CONFLICT (workspace_id, key) WHERE NOT key = '' DO NOTHING
            RETURNING id
            """,
            [now, *columns, workspace_id],
        )
        return [pk for (pk,) in cursor.fetchall()]


def forget_contacts(contact_ids: Collection[int]) -> None:
    """Delete the events of these contacts."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tracking_customevent WHERE contact_id = ANY (%s)", [list(contact_ids)])
