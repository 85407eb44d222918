"""Contacts, lists and files for tests."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from django.core.files.base import ContentFile

from contacts import services
from contacts.addresses import email_key
from contacts.models import Contact, Import, List
from team.models import Workspace


def make_contact(workspace: Workspace, email: str = "ada@example.com", **columns: Any) -> Contact:
    """Write one contact, unchecked."""
    return Contact.objects.create(workspace=workspace, email=email, email_key=email_key(email), **columns)


def make_contacts(workspace: Workspace, count: int, **columns: Any) -> list[Contact]:
    """Write contacts `person0@example.com` … in bulk and return them in order."""
    return Contact.objects.bulk_create(
        Contact(
            workspace=workspace,
            email=f"person{number}@example.com",
            email_key=f"person{number}@example.com",
            **{"first_name": f"Given{number}", "last_name": f"Family{number}", **columns},
        )
        for number in range(count)
    )


def make_list(workspace: Workspace, name: str = "Readers", members: Iterable[Contact] = ()) -> List:
    """Write a list with members."""
    made = List.objects.create(workspace=workspace, name=name)
    services.add_members(list_=made, contact_ids=[contact.pk for contact in members])
    return made


def csv_bytes(rows: Iterable[Iterable[object]], *, encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    """Return a CSV file."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def upload(workspace: Workspace, content: bytes, *, name: str = "people.csv") -> Import:
    """Upload a file; it then waits for its mapping."""
    return services.start_import(workspace=workspace, file=ContentFile(content, name=name))


def run_file(workspace: Workspace, content: bytes, mapping: dict[str, str] | None = None, **options: Any) -> Import:
    """Import a file on the spot and return the finished import."""
    source = services.import_file(
        workspace=workspace, file=ContentFile(content, name="people.csv"), mapping=mapping, **options
    )
    services.run_import(source.pk)
    source.refresh_from_db()
    return source
