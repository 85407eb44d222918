"""A chunk of rows merged into the contacts, set-based: COPY into a temporary table, then a handful of statements.

The plans must not depend on statistics: a new workspace or list is one that PostgreSQL believes to be empty until it is
analysed again, in the midst of an import, and a plan made for one row is quadratic for a hundred thousand. So existing
contacts are looked up by scalar subqueries and conflicts by their unique index, which leave nothing to choose, and the one
real join is a nested loop by the primary key. Rows are locked in the order of their ids, like every other set-based update.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from contacts.imports.rows import Row, attributes_json
from contacts.models import Import
from contacts.profile import COLUMNS
from contacts.tags import MAX_TAGS
from contacts.unaudited import unaudited

_STANDARD = tuple(COLUMNS)

_STAGE = f"""
CREATE TEMPORARY TABLE contacts_staging (
    email text NOT NULL, email_key text NOT NULL, {", ".join(f"{name} text" for name in _STANDARD)}, attributes jsonb, tags text[]
) ON COMMIT DROP
"""

_COPY = f"COPY contacts_staging (email, email_key, {', '.join(_STANDARD)}, attributes, tags) FROM STDIN"

_LOOK_UP = "(SELECT c.id FROM contacts_contact c WHERE c.workspace_id = %(workspace)s AND c.email_key = {}.email_key)"

# Every row gets the id of its contact, or a new one; `seen` rows are duplicates of rows of earlier chunks.
_MATCH = f"""
CREATE TEMPORARY TABLE contacts_matched ON COMMIT DROP AS
SELECT m.*,
       coalesce(m.found, nextval(pg_get_serial_sequence('contacts_contact', 'id'))) AS contact_id,
       m.found IS NULL AS created,
       coalesce(
           (SELECT TRUE FROM contacts_importedcontact i WHERE i.source_id = %(source)s AND i.contact_id = m.found), FALSE
       ) AS seen
FROM (SELECT s.*, {_LOOK_UP.format("s")} AS found FROM contacts_staging s OFFSET 0) m
"""  # noqa: S608 - names of columns

_INSERT = f"""
INSERT INTO contacts_contact (
    id, workspace_id, email, email_key, {", ".join(_STANDARD)}, attributes, tags, tracking, created_at, updated_at
)
SELECT contact_id, %(workspace)s, email, email_key, {", ".join(f"coalesce({name}, '')" for name in _STANDARD)},
       coalesce(attributes, '{{}}'), coalesce(tags, '{{}}'), 'individual', %(now)s, %(now)s
FROM contacts_matched WHERE created
ON CONFLICT (workspace_id, email_key) DO NOTHING
RETURNING id
"""  # noqa: S608 - names of columns

# Somebody else has created the same contacts meanwhile: they are existing ones.
_CONCEDE = f"""
UPDATE contacts_matched m SET created = FALSE, contact_id = {_LOOK_UP.format("m")}
WHERE m.created AND m.contact_id <> ALL (%(created)s)
"""  # noqa: S608 - names of columns

_DIFFERS = " OR ".join(
    [f"s.{name} <> c.{name}" for name in _STANDARD]
    + ["(c.attributes || s.attributes) <> c.attributes", "NOT s.tags <@ c.tags"]
)
_TAGS = "ARRAY(SELECT DISTINCT unnest(c.tags || t.tags) ORDER BY 1)"
_SET = ", ".join(
    [f"{name} = coalesce(t.{name}, c.{name})" for name in _STANDARD]
    + [
        "attributes = c.attributes || coalesce(t.attributes, '{}')",
        f"tags = CASE WHEN t.tags <@ c.tags IS NOT FALSE THEN c.tags ELSE ({_TAGS})[:{MAX_TAGS}] END",
    ]
)
# Only what differs is written; a comparison with an empty cell (NULL) is no difference.
_UPDATE = f"""
WITH target AS (
    SELECT s.* FROM contacts_matched s JOIN contacts_contact c ON c.id = s.contact_id
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
SELECT %(source)s, contact_id FROM contacts_matched WHERE contact_id IS NOT NULL
ON CONFLICT DO NOTHING
"""

_ADD_TO_LIST = """
INSERT INTO contacts_listmember (list_id, contact_id, added_at)
SELECT %(list)s, contact_id, %(now)s FROM contacts_matched WHERE contact_id IS NOT NULL
ON CONFLICT (list_id, contact_id) DO NOTHING RETURNING contact_id
"""

_COUNT = "SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE seen) FROM contacts_matched"


@dataclass(frozen=True, slots=True)
class Merged:
    """What a chunk did: `seen` rows were duplicates of rows of earlier chunks; `created_ids` are the new contacts.

    `entered` are those who weren't in the import's list.
    """

    created: int
    updated: int
    seen: int
    untouched: int
    created_ids: list[int]
    entered: tuple[int, ...]


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
                copy.write_row((*row[:7], attributes_json(row[7]), row[8]))
                count += 1
        cursor.execute(_MATCH, values)
        cursor.execute(_COUNT)
        new, seen = cursor.fetchone()
        cursor.execute(_INSERT, values)
        created = [pk for (pk,) in cursor.fetchall()]
        if len(created) < new:
            cursor.execute(_CONCEDE, {**values, "created": created})
        cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        cursor.execute(_UPDATE, values)
        (updated,) = cursor.fetchone()
        cursor.execute("SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on")
        if not alone:
            cursor.execute(_REMEMBER, values)
        entered: tuple[int, ...] = ()
        if source.list_id is not None:
            cursor.execute(_ADD_TO_LIST, values)
            entered = tuple(pk for (pk,) in cursor.fetchall())
        cursor.execute("DROP TABLE contacts_staging, contacts_matched")
    return Merged(len(created), updated, seen, count - len(created) - updated - seen, created, entered)
