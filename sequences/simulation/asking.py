"""What branches ask, asked about a person who need not be in the database.

The very condition that the engine uses is run over a row that is given as a parameter: within the statement it stands in the place of
the tables of contacts and list members.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from contacts import selectors as contacts
from contacts.selectors import Sql
from sequences.engine import questions
from sequences.kinds.branches import FieldBranch, ListBranch, SegmentBranch
from sequences.simulation.persons import Person


def answer(
    workspace_id: int, branch: FieldBranch | SegmentBranch | ListBranch, person: Person, now: datetime
) -> questions.Answer:
    """Return the person's answer as the engine would find it.  Raises CannotAskError, InvalidSegment."""
    condition, value = questions.condition_of(workspace_id, branch, now)
    return _asked(condition, value, person)


def matches(workspace_id: int, definition: Mapping[str, Any], person: Person, now: datetime) -> bool:
    """Tell whether a segment's definition matches the person.  Raises InvalidSegment."""
    return _asked(contacts.segment_sql(workspace_id, definition, now=now), questions.NOTHING, person).holds


def _asked(condition: Sql, value: Sql, person: Person) -> questions.Answer:
    # A name of WITH hides the table of that name; jsonb_populate_record gives the columns their types.
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH contacts_contact AS (
                SELECT * FROM jsonb_populate_record(NULL::contacts_contact, %s::jsonb)
            ), contacts_listmember AS (
                SELECT unnest(%s::bigint[]) AS list_id, %s::bigint AS contact_id
            )
            SELECT ({condition.text}), {value.text} FROM contacts_contact c
            """,  # noqa: S608 - see Sql
            [
                json.dumps(person.columns, cls=DjangoJSONEncoder),
                sorted(person.list_ids),
                person.contact_id,
                *condition.params,
                *value.params,
            ],
        )
        holds, found = cursor.fetchone()
    return questions.Answer(holds, found)
