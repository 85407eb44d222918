"""Mailboxes, mailings and queued messages, for tests."""

from datetime import datetime
from typing import Any

from contacts.models import Contact
from core import clock
from delivery import services
from delivery.models import Mailbox, Mailing, Message
from team.models import Workspace

SOURCE = """<html><body><p>Hello {{ firstName }}, number {{ number }}</p>
<p><a href="https://example.com/offer">Offer</a> <a href="https://example.com/for/{{ number }}">Yours</a></p>
<p><a href="{{ unsubscribeUrl }}">Unsubscribe</a> {{ workspace.address }}</p></body></html>"""


def make_workspace(slug: str = "acme") -> Workspace:
    """Write a workspace with a postal address."""
    return Workspace.objects.create(name=slug.title(), slug=slug, postal_address="1 Main Street")


def make_mailbox(workspace: Workspace, *, port: int = 2525, **changes: Any) -> Mailbox:
    """Write a mailbox on a server of this machine, without encryption or login unless `changes` say so."""
    values: dict[str, Any] = {
        "from_name": "Ada at Acme",
        "from_email": "ada@acme.example",
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_security": Mailbox.Security.PLAIN,
    }
    return services.create_mailbox(workspace=workspace, **{**values, **changes})


def make_contacts(workspace: Workspace, count: int, *, prefix: str = "person") -> list[int]:
    """Write contacts `<prefix><n>@example.com`, each with its number as a custom field; return their ids in order."""
    contacts = Contact.objects.bulk_create(
        Contact(
            workspace=workspace,
            email=f"{prefix}{number}@example.com",
            email_key=f"{prefix}{number}@example.com",
            first_name=f"Given{number}",
            last_name="Family",
            attributes={"number": number},
        )
        for number in range(count)
    )
    return [contact.pk for contact in contacts]


def make_mailing(workspace: Workspace, **changes: Any) -> Mailing:
    """Write a mailing in HTML with two links, one of them the recipient's own."""
    values: dict[str, Any] = {
        "name": "October",
        "format": "html",
        "subject": "Hello {{ firstName }}",
        "source": SOURCE,
        "context": {"campaign": {"name": "October"}},
    }
    return services.create_mailing(workspace=workspace, **{**values, **changes})


def queue(
    mailing: Mailing, mailbox: Mailbox, contact_ids: list[int], *, due_at: datetime | None = None, prefix: str = "k"
) -> list[int]:
    """Queue one message a contact, due now, and return the messages' ids in order."""
    now = clock.now()
    services.queue_messages(
        mailing=mailing,
        contact_ids=contact_ids,
        mailbox_ids=[mailbox.pk] * len(contact_ids),
        keys=[f"{prefix}{contact_id}:{mailing.pk}" for contact_id in contact_ids],
        due_at=due_at or now,
        now=now,
    )
    return list(Message.objects.filter(mailing=mailing).order_by("pk").values_list("pk", flat=True))
