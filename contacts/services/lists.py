"""Lists and their members."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction

from contacts import selectors
from contacts.events import ListDeleted, ListEntered
from contacts.exceptions import ContactsError
from contacts.models import List, ListMember
from contacts.services.naming import checked_name, save_named
from core import bus, clock
from team.models import Workspace


def create_list(*, workspace: Workspace, name: str, description: str = "") -> List:
    """Create a list.  Raises InvalidInput when the name is empty, too long or taken."""
    created = List(workspace=workspace, name=checked_name(name, noun="list"), description=description.strip())
    save_named(created)
    return created


def update_list(list_: List, *, name: str | None = None, description: str | None = None) -> List:
    """Rename or describe a list.  Raises InvalidInput."""
    if name is not None:
        list_.name = checked_name(name, noun="list")
    if description is not None:
        list_.description = description.strip()
    save_named(list_)
    return list_


@transaction.atomic
def delete_list(list_: List) -> None:
    """Delete a list; its contacts stay.

    Raises ContactsError while a segment asks about it, and what a handler raises that can't do without it.
    """
    users = selectors.segments_with_list(list_)
    if users:
        names = ", ".join(f"“{segment.name}”" for segment in users[:3])
        raise ContactsError(f"The list is used by the segment {names}. Change or delete that first.", code="in_use")
    bus.announce(ListDeleted(list_.workspace_id, list_.pk, list_.name))
    list_.delete()


@transaction.atomic
def add_members(*, list_: List, contact_ids: Collection[int]) -> int:
    """Put contacts of the list's workspace into it; return how many weren't in it before.  Foreign ids are ignored."""
    return insert_members(list_id=list_.pk, contact_ids=contact_ids, now=clock.now())


def insert_members(*, list_id: int, contact_ids: Collection[int], now: datetime) -> int:
    """Write memberships, in the caller's transaction; ids of other workspaces' contacts are ignored."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO contacts_listmember (list_id, contact_id, added_at)
            SELECT l.id, c.id, %s
            FROM contacts_list l JOIN contacts_contact c ON c.workspace_id = l.workspace_id
            WHERE l.id = %s AND c.id = ANY (%s)
            ORDER BY c.id
            ON CONFLICT (list_id, contact_id) DO NOTHING RETURNING contact_id
            """,
            [now, list_id, list(contact_ids)],
        )
        entered = tuple(pk for (pk,) in cursor.fetchall())
    if entered:
        bus.announce(ListEntered(list_id, entered))
    return len(entered)


def remove_members(*, list_: List, contact_ids: Collection[int]) -> int:
    """Take contacts out of the list; return how many were in it."""
    removed, _ = ListMember.objects.filter(list=list_, contact_id__in=contact_ids).delete()
    return removed
