"""Earlier messages that a message answers.  Read only for mailings that say so.

The key of a message that may be answered, or answers, has the form `<way>:<name>:<round>`: a mailing's `thread` are the names
of the emails that it answers, on the same way.
"""

from collections.abc import Collection, Sequence

from django.db import connection

from delivery.compose.addresses import wire_address
from delivery.compose.composer import local_id


def answered_by(workspace_id: int, message_ids: Collection[int], names: Sequence[str]) -> dict[int, list[str]]:
    """Return, for each message that answers some, the Message-IDs of those that were accepted, oldest first."""
    with connection.cursor() as cursor:
        # By the index of messages by contact.
        cursor.execute(
            """
            SELECT m.id, e.key, mailbox.from_email
            FROM delivery_message m
            JOIN delivery_message e ON e.contact_id = m.contact_id AND e.id < m.id AND e.workspace_id = m.workspace_id
                AND split_part(e.key, ':', 1) = split_part(m.key, ':', 1) AND split_part(e.key, ':', 2) = ANY (%s)
                AND e.accepted_at IS NOT NULL
            JOIN delivery_mailbox mailbox ON mailbox.id = e.mailbox_id
            WHERE m.id = ANY (%s) AND m.workspace_id = %s ORDER BY m.id, e.id
            """,
            [list(names), list(message_ids), workspace_id],
        )
        found: dict[int, list[str]] = {}
        for message_id, key, from_email in cursor.fetchall():
            domain = wire_address(from_email).address.rpartition("@")[2]
            found.setdefault(message_id, []).append(f"<{local_id(workspace_id, key)}@{domain}>")
        return found
