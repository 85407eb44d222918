"""A chunk of rows merged into the contacts, set-based: COPY into a temporary table, then a handful of statements.

New contacts come first and existing ones after them, so that a contact somebody else creates meanwhile is simply an
existing one. Rows are locked in the order of their ids, like every other set-based update of contacts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from contacts.imports.rows import Row, attributes_json
from contacts.models import Import
from contacts.profile import COLUMNS
from contacts.unaudited import unaudited

_STANDARD = tuple(COLUMNS)

_STAGE = f"""
CREATE TEMPORARY TABLE contacts_staging (
    email text NOT NULL, email_key text NOT NULL, {", ".join(f"{name} text" for name in _STANDARD)}, attributes jsonb,
    contact_id bigint, created boolean NOT NULL DEFAULT FALSE, seen boolean NOT NULL DEFAULT FALSE
) ON COMMIT DROP
"""

_COPY = f"COPY contacts_staging (email, email_key, {', '.join(_STANDARD)}, attributes) FROM STDIN"

# The anti join keeps ids from being used up by re-imports; ON CONFLICT settles races. Hash joins on 5,000 rows; the contacts
# are probed by their unique index.
_INSERT = f"""
WITH fresh AS (
    INSERT INTO contacts_contact (
        workspace_id, email, email_key, {", ".join(_STANDARD)}, attributes, tracking, created_at, updated_at
    )
    SELECT %(workspace)s, s.email, s.email_key, {", ".join(f"coalesce(s.{name}, '')" for name in _STANDARD)},
           coalesce(s.attributes, '{{}}'), 'individual', %(now)s, %(now)s
    FROM contacts_staging s
    WHERE NOT EXISTS (
        SELECT 1 FROM contacts_contact c WHERE c.workspace_id = %(workspace)s AND c.email_key = s.email_key
    )
    ON CONFLICT (workspace_id, email_key) DO NOTHING
    RETURNING id, email_key
)
UPDATE contacts_staging s SET contact_id = fresh.id, created = TRUE FROM fresh WHERE fresh.email_key = s.email_key
"""  # noqa: S608 - names of columns

_MATCH = """
UPDATE contacts_staging s SET
    contact_id = c.id,
    seen = EXISTS (SELECT 1 FROM contacts_importedcontact i WHERE i.source_id = %(source)s AND i.contact_id = c.id)
FROM contacts_contact c
WHERE s.contact_id IS NULL AND c.workspace_id = %(workspace)s AND c.email_key = s.email_key
"""

_DIFFERS = " OR ".join(
    [f"s.{name} <> c.{name}" for name in _STANDARD] + ["(c.attributes || s.attributes) <> c.attributes"]
)
_SET = ", ".join(
    [f"{name} = coalesce(t.{name}, c.{name})" for name in _STANDARD]
    + ["attributes = c.attributes || coalesce(t.attributes, '{}')"]
)
# Only what differs is written; a comparison with an empty cell (NULL) is no difference.
_UPDATE = f"""
WITH target AS (
    SELECT s.* FROM contacts_staging s JOIN contacts_contact c ON c.id = s.contact_id
    WHERE NOT s.created AND (%(update)s OR s.seen) AND ({_DIFFERS})
    ORDER BY c.id
    FOR NO KEY UPDATE OF c
), written AS (
    UPDATE contacts_contact c SET {_SET}, updated_at = %(now)s FROM target t WHERE c.id = t.contact_id RETURNING t.seen
)
SELECT count(*) FILTER (WHERE NOT seen) FROM written
"""  # noqa: S608 - names of columns

_REMEMBER = """
INSERT INTO contacts_importedcontact (source_id, contact_id)
SELECT %(source)s, contact_id FROM contacts_staging WHERE contact_id IS NOT NULL
ON CONFLICT DO NOTHING
"""

_ADD_TO_LIST = """
INSERT INTO contacts_listmember (list_id, contact_id, added_at)
SELECT %(list)s, s.contact_id, %(now)s FROM contacts_staging s
WHERE s.contact_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM contacts_listmember m WHERE m.list_id = %(list)s AND m.contact_id = s.contact_id)
ON CONFLICT DO NOTHING
"""

_COUNT = """
SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE seen), array_agg(contact_id) FILTER (WHERE created)
FROM contacts_staging
"""


@dataclass(frozen=True, slots=True)
class Merged:
    """What a chunk did: `seen` rows were duplicates of rows of earlier chunks; `created_ids` are the new contacts."""

    created: int
    updated: int
    seen: int
    untouched: int
    created_ids: list[int]


def merge_rows(source: Import, rows: Iterable[Row], *, now: datetime, alone: bool) -> Merged:
    """Merge rows (their addresses all different) into the workspace's contacts; must run inside a transaction.

    `alone` says that the file has no other chunk, so that duplicates across chunks need no bookkeeping.
    """
    values = {
        "workspace": source.workspace_id,
        "source": source.pk,
        "list": source.list_id,
        "update": source.update_existing,
        "now": now,
    }
    # The audit trail has the import itself; a row of it for every contact would say nothing more.
    with unaudited(), connection.cursor() as cursor:
        cursor.execute(_STAGE)
        count = 0
        with cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row((*row[:7], attributes_json(row[7])))
                count += 1
        cursor.execute("ANALYZE contacts_staging")
        cursor.execute(_INSERT, values)
        cursor.execute(_MATCH, values)
        cursor.execute(_UPDATE, values)
        (updated,) = cursor.fetchone()
        if not alone:
            cursor.execute(_REMEMBER, values)
        if source.list_id is not None:
            cursor.execute(_ADD_TO_LIST, values)
        cursor.execute(_COUNT)
        created, seen, created_ids = cursor.fetchone()
        cursor.execute("DROP TABLE contacts_staging")
    return Merged(created, updated, seen, count - created - updated - seen, created_ids or [])
