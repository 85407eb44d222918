"""What stays of deleted contacts: a hash of the address, and what it still means when the address comes back."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection

from contacts.models import DeletedContact, SuppressionReason

# The workspace is part of what is hashed, so that equal addresses of two workspaces can't be matched. Without the pepper of
# a secret key: the hash must survive its rotation.
HASH = "sha256(convert_to({workspace} || ':' || {key}, 'UTF8'))"


def bury(*, workspace_id: int, contact_ids: Collection[int], now: datetime) -> None:
    """Write the tombstones of contacts that are about to be deleted, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO contacts_deletedcontact (contact_id, workspace_id, email_hash, deleted_at)
            SELECT c.id, c.workspace_id, {HASH.format(workspace="c.workspace_id", key="c.email_key")}, %s
            FROM contacts_contact c WHERE c.workspace_id = %s AND c.id = ANY (%s)
            ON CONFLICT DO NOTHING
            """,  # noqa: S608 - constant text
            [now, workspace_id, list(contact_ids)],
        )


def welcome_back(*, workspace_id: int, contact_ids: Collection[int], now: datetime) -> None:
    """Join new contacts to the tombstones of their addresses, in the caller's transaction.

    An old unsubscribe link then works for the new contact, and one that was used while nobody had the address suppresses it
    at once.
    """
    if not contact_ids or not DeletedContact.objects.filter(workspace_id=workspace_id).exists():
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH risen AS (
                UPDATE contacts_deletedcontact d SET successor_id = c.id
                FROM contacts_contact c
                WHERE c.workspace_id = %(workspace)s AND c.id = ANY (%(ids)s) AND d.workspace_id = %(workspace)s
                  AND d.email_hash = {HASH.format(workspace="c.workspace_id", key="c.email_key")}
                RETURNING c.email_key, d.unsubscribed_at
            )
            INSERT INTO contacts_suppression (workspace_id, email_key, reason, detail, created_at)
            SELECT DISTINCT %(workspace)s, email_key, %(reason)s, 'Unsubscribed after the contact was deleted.', %(now)s
            FROM risen WHERE unsubscribed_at IS NOT NULL
            ON CONFLICT (workspace_id, email_key) DO NOTHING
            """,  # noqa: S608 - constant text
            {
                "workspace": workspace_id,
                "ids": list(contact_ids),
                "reason": SuppressionReason.UNSUBSCRIBED.value,
                "now": now,
            },
        )
