"""A message as it was sent, for the browser: its mailing's frozen content with the contact's present data."""

from functools import lru_cache
from typing import Any

from django.conf import settings

from contacts.models import Contact
from contacts.selectors import liquid_context
from delivery import tokens
from delivery.models import Link, Mailing, Message, MessageFields
from templates_lib.rendering import CompiledEmail, Rendered, RenderError, TemplateError, compile_email

_COMPILED = 64


def copy_of(message_id: int) -> Rendered | None:
    """Return the message's subject, HTML and text; None when it, its contact or its content is no longer there.

    Links stay tracked where they were; there is no pixel, as this is no open of the mail.
    """
    message = Message.objects.select_related("mailing__workspace", "mailbox").filter(pk=message_id).first()
    if message is None:
        return None
    fields = _contact_fields(message)
    if fields is None:
        return None
    context = _context(message, fields)
    try:
        compiled = _compiled(message.mailing_id)
        urls: set[str] = set()

        def collect(index: int, url: str) -> str:
            urls.add(url)
            return url

        plain = compiled.render(context, link=collect)
        tracked = _tracked_urls(message, urls)
        return compiled.render(context, link=lambda index, url: tracked.get(url, url)) if tracked else plain
    except (TemplateError, RenderError):
        return None


@lru_cache(maxsize=_COMPILED)
def _compiled(mailing_id: int) -> CompiledEmail:
    mailing = Mailing.objects.get(pk=mailing_id)
    return compile_email(
        format=mailing.format,
        subject=mailing.subject,
        preheader=mailing.preheader,
        source=mailing.source,
        text_source=mailing.text_source,
    )


def _contact_fields(message: Message) -> dict[str, Any] | None:
    """Return the contact's merge fields; those of a bare address for a test; None for a contact who is gone."""
    if message.contact_id is None:
        return {"email": message.to_email}
    names = ("email", "first_name", "last_name", "company", "locale", "time_zone", "attributes")
    row = Contact.objects.filter(pk=message.contact_id).values(*names).first()
    if row is None:
        return None
    own = MessageFields.objects.filter(pk=message.pk).values_list("fields", flat=True).first()
    return liquid_context(row) | (own or {})


def _context(message: Message, fields: dict[str, Any]) -> dict[str, Any]:
    workspace = message.mailing.workspace
    owner = (workspace.pk, message.contact_id or 0, message.pk)
    return {
        **fields,
        **message.mailing.context,
        "sender": {
            "name": message.mailing.from_name or message.mailbox.from_name,
            "email": message.mailbox.from_email,
        },
        "workspace": {
            "name": workspace.name,
            "company": workspace.company,
            "address": workspace.postal_address,
            "website": workspace.website,
        },
        "unsubscribeUrl": f"{settings.BASE_URL}/u/{tokens.unsubscribe_token(*owner)}",
        "preferencesUrl": f"{settings.BASE_URL}/p/{tokens.preferences_token(*owner)}",
        "viewUrl": f"{settings.BASE_URL}/v/{tokens.view_token(message.pk)}",
    }


def _tracked_urls(message: Message, urls: set[str]) -> dict[str, str]:
    """Return by URL the tracked one, for those that were tracked when the message was sent."""
    ids = {tokens.link_id(message.mailing_id, url): url for url in urls}
    stored = Link.objects.filter(pk__in=ids).values_list("pk", flat=True)
    return {ids[link]: f"{settings.TRACKING_URL}/l/{tokens.link_token(message.pk, link)}" for link in stored}
