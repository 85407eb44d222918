"""Tags on many contacts at once."""

from collections.abc import Collection

from django.db import connection

from contacts.tags import MAX_TAGS
from contacts.unaudited import unaudited
from core import clock


def add_tag(*, workspace_id: int, tag: str, contact_ids: Collection[int]) -> int:
    """Put a tag (in its normal form) on contacts of the workspace; return how many didn't have it.

    Who has as many tags as there can be gets no more.
    """
    return _write(
        "ARRAY(SELECT unnest(c.tags || %(tag)s::text) ORDER BY 1)",
        "NOT c.tags @> ARRAY[%(tag)s::text] AND cardinality(c.tags) < %(most)s",
        workspace_id,
        tag,
        contact_ids,
    )


def remove_tag(*, workspace_id: int, tag: str, contact_ids: Collection[int]) -> int:
    """Take a tag off contacts of the workspace; return how many had it."""
    return _write(
        "array_remove(c.tags, %(tag)s::text)", "c.tags @> ARRAY[%(tag)s::text]", workspace_id, tag, contact_ids
    )


def _write(value: str, condition: str, workspace_id: int, tag: str, contact_ids: Collection[int]) -> int:
    with unaudited(), connection.cursor() as cursor:
        # Rows are locked in the order of their ids, as everywhere.
        cursor.execute(
            f"""
            WITH changed AS (
                SELECT c.id FROM contacts_contact c
                WHERE c.workspace_id = %(workspace)s AND c.id = ANY (%(ids)s) AND {condition}
                ORDER BY c.id FOR NO KEY UPDATE
            )
            UPDATE contacts_contact c SET updated_at = %(now)s, tags = {value} FROM changed WHERE c.id = changed.id
            """,  # noqa: S608 - SQL of this module
            {
                "workspace": workspace_id,
                "tag": tag,
                "most": MAX_TAGS,
                "ids": list(contact_ids),
                "now": clock.now(),
            },
        )
        return int(cursor.rowcount)
