"""Sent messages with links, and hits on them, for tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contacts.models import Contact, TrackingMode
from delivery.models import Link, Mailbox, Mailing, Message, MessageState
from delivery.tokens import link_id
from team.models import Workspace
from tracking.hits import Hit, id_generator, micros

SENT_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
APPLE_MPP = "Mozilla/5.0"

_new_id = id_generator(0)


@dataclass(slots=True)
class Sent:
    """One mailing, sent to `messages`, with `links` in it."""

    workspace: Workspace
    mailing: Mailing
    contacts: list[Contact]
    messages: list[Message]
    links: list[Link] = field(default_factory=list)


def make_sent(
    *,
    workspace: Workspace | None = None,
    recipients: int = 1,
    links: int = 3,
    mode: TrackingMode = TrackingMode.INDIVIDUAL,
    prefix: str = "reader",
) -> Sent:
    """Write a mailing with `links` links that was accepted for `recipients` contacts at SENT_AT."""
    workspace = workspace or Workspace.objects.create(name="Acme", slug=f"acme-{Workspace.objects.count()}")
    mailbox, _ = Mailbox.objects.get_or_create(
        workspace=workspace, from_email="news@acme.example", defaults={"from_name": "Acme", "smtp_host": "127.0.0.1"}
    )
    mailing = Mailing.objects.create(
        workspace=workspace, name="News", format="html", subject="Hello {{ firstName }}", source="<p>Hi</p>"
    )
    contacts = Contact.objects.bulk_create(
        Contact(
            workspace=workspace,
            email=f"{prefix}{n}@example.com",
            email_key=f"{prefix}{n}@example.com",
            first_name=f"Reader {n}",
            tracking=mode,
        )
        for n in range(recipients)
    )
    messages = Message.objects.bulk_create(
        Message(
            workspace=workspace, mailing=mailing, contact=contact, mailbox=mailbox, key=f"{mailing.pk}:{contact.pk}",
            state=MessageState.ACCEPTED, created_at=SENT_AT, due_at=SENT_AT, accepted_at=SENT_AT,
        )
        for contact in contacts
    )  # fmt: skip
    sent = Sent(workspace, mailing, contacts, messages)
    sent.links = [make_link(mailing, f"https://example.com/{n}") for n in range(links)]
    return sent


def make_link(mailing: Mailing, url: str, *, label: str = "") -> Link:
    """Write a link of the mailing."""
    return Link.objects.create(id=link_id(mailing.pk, url), mailing_id=mailing.pk, url=url, label=label or url)


def make_hit(
    message: Message | int,
    at: datetime,
    *,
    link: Link | int = 0,
    user_agent: str = CHROME,
    flags: int = 0,
    ip: str = "192.0.2.7",
) -> Hit:
    """Return a hit on a message's pixel, or on a link in it."""
    moment = micros(at)
    message_id = message if isinstance(message, int) else message.pk
    link_of = link if isinstance(link, int) else link.pk
    return Hit(_new_id(moment), moment, message_id, link_of, flags, ip, user_agent)


def chunked(hits: Sequence[Hit], sizes: Sequence[int]) -> list[Sequence[Hit]]:
    """Cut hits into chunks of these sizes; the rest is the last chunk."""
    chunks: list[Sequence[Hit]] = []
    start = 0
    for size in sizes:
        chunks.append(hits[start : start + size])
        start += size
    chunks.append(hits[start:])
    return [chunk for chunk in chunks if chunk]
