"""Merge fields that a message has of its own: what led to it (event.*).  Written and read only where a mailing uses them."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import connection

OWN = "event"
# Within a Liquid tag or output; one too many costs a look-up a batch, no more.
_USED = re.compile(r"\{[{%](?:(?!%\}|\}\}).)*?\bevent\b", re.DOTALL)


def uses_own_fields(*parts: str) -> bool:
    """Tell whether any part of an email as written uses event.*."""
    return any("event" in part and _USED.search(part) for part in parts)


def write(workspace_id: int, keys: Sequence[str], fields: Sequence[Mapping[str, Any] | None]) -> None:
    """Write the fields of the messages with these keys (parallel), in the caller's transaction; None: it has none."""
    own = [(key, json.dumps(value)) for key, value in zip(keys, fields, strict=True) if value]
    if not own:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO delivery_messagefields (message_id, fields)
            SELECT m.id, given.fields::jsonb FROM unnest(%s::text[], %s::text[]) AS given (key, fields)
            JOIN delivery_message m ON m.workspace_id = %s AND m.key = given.key
            ON CONFLICT (message_id) DO NOTHING
            """,
            [*map(list, zip(*own, strict=True)), workspace_id],
        )


def read(message_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Return the fields of those messages that have any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT message_id, fields::text FROM delivery_messagefields WHERE message_id = ANY (%s)",
            [list(message_ids)],
        )
        return {message_id: json.loads(fields) for message_id, fields in cursor.fetchall()}
