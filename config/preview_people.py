"""Lets the template library, which doesn't know contacts, preview a mail as one of them."""

from collections.abc import Mapping
from typing import Any

from contacts import selectors as contacts
from core.exceptions import NotFound
from team.models import Workspace
from templates_lib.selectors import MergeField, People, Person

OFFERED = 20
COLUMNS = [column.removeprefix("c.") for column in contacts.CONTEXT_COLUMNS.split(", ")]


def _merge_fields(workspace: Workspace) -> list[MergeField]:
    return [MergeField(field.key, field.label, field.sample) for field in contacts.merge_fields(workspace)]


def _find(workspace: Workspace, query: str) -> list[Person]:
    found = contacts.find_contacts(workspace, contacts.ContactFilter(query=query)).order_by("-id")[:OFFERED]
    return [Person(contact.pk, _label(contact.first_name, contact.last_name, contact.email)) for contact in found]


def _label(first_name: str, last_name: str, email: str) -> str:
    name = f"{first_name} {last_name}".strip()
    return f"{name} <{email}>" if name else email


def _context(workspace: Workspace, contact_id: int) -> Mapping[str, Any]:
    row = contacts.contacts_in(workspace).filter(pk=contact_id).values(*COLUMNS).first()
    if row is None:
        raise NotFound("There is no such contact.")
    return contacts.liquid_context(row)


def _id_of(workspace: Workspace, email: str) -> int:
    contact_id = contacts.contacts_in(workspace).filter(email_key=email.strip().casefold()).values_list("pk", flat=True)
    found = contact_id.first()
    if found is None:
        raise NotFound("There is no contact with this address.")
    return found


CONTACTS = People(merge_fields=_merge_fields, find=_find, context=_context, id_of=_id_of)
