"""Contacts, mailboxes and sequences on their way, for tests."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from contacts.models import Contact
from core import clock
from delivery.models import Mailbox
from sequences import services
from sequences.models import Sequence
from team.models import Workspace

SOURCE = """<html><body><p>Hello {{ firstName }}</p>
<p><a href="https://example.com/offer">Offer</a></p>
<p><a href="{{ unsubscribeUrl }}">Unsubscribe</a> {{ workspace.address }}</p></body></html>"""


def make_contacts(workspace: Workspace, count: int, *, prefix: str = "person") -> list[int]:
    """Write contacts `<prefix>0@example.com` … in bulk and return their ids in order."""
    contacts = Contact.objects.bulk_create(
        Contact(
            workspace=workspace,
            email=f"{prefix}{number}@example.com",
            email_key=f"{prefix}{number}@example.com",
            first_name=f"Given{number}",
            last_name=f"Family{number}",
        )
        for number in range(count)
    )
    return [contact.pk for contact in contacts]


def make_mailbox(workspace: Workspace, *, name: str = "sender", host: str = "127.0.0.1", port: int = 2525) -> Mailbox:
    """Write a mailbox without encryption or password."""
    return Mailbox.objects.create(
        workspace=workspace,
        from_name=name.title(),
        from_email=f"{name}@example.com",
        smtp_host=host,
        smtp_port=port,
        smtp_security=Mailbox.Security.PLAIN,
    )


def make_sequence(workspace: Workspace, steps: Iterable[timedelta | str], *, publish: bool = True) -> Sequence:
    """Make a sequence of emails (given by their subject) and waits (by their length)."""
    sequence = services.create_sequence(workspace=workspace, name="Sequence")
    for step in steps:
        if isinstance(step, timedelta):
            services.add_step(sequence, kind="wait", wait=step)
        else:
            services.add_step(sequence, kind="email", subject=step, source=SOURCE)
    if publish:
        services.publish(sequence)
    return sequence


def make_document(workspace: Workspace, steps: list[Any], *, publish: bool = True) -> Sequence:
    """Make a sequence from a document."""
    sequence = services.create_sequence(workspace=workspace, name="Sequence")
    services.replace_steps(sequence, steps=steps)
    if publish:
        services.publish(sequence)
    return sequence


def enrol(sequence: Sequence, contact_ids: list[int], mailbox: Mailbox) -> int:
    """Let contacts enter now, all from one mailbox."""
    return services.enrol_contacts(
        sequence=sequence, contact_ids=contact_ids, mailbox_ids=[mailbox.pk] * len(contact_ids), due_at=clock.now()
    )
