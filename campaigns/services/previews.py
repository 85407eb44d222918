"""Seeing a campaign's email before it leaves: on the page, and in the team's own inboxes."""

from collections.abc import Sequence
from typing import Any

from abtests.models import Variant
from campaigns import selectors
from campaigns.callers import latest_events
from campaigns.checking.emails import shared_context
from campaigns.exceptions import InvalidCampaign
from campaigns.models import Campaign
from contacts.models import Contact
from contacts.selectors import liquid_context
from delivery import services as delivery
from sequences.models import Step
from sequences.services import content_of
from templates_lib.rendering import Rendered, compile_email
from tracking.selectors import event_contexts


def send_test(
    campaign: Campaign, *, to: Sequence[str], contact: Contact | None = None, step: Step | None = None
) -> list[int]:
    """Send the first email of the campaign (or `step`'s) to addresses, as `contact` would get it; return the message ids.

    Raises InvalidCampaign without content or a mailbox, TemplateError when it doesn't compile, InvalidInput for the
    addresses, DeliveryError when the mailbox is paused.
    """
    content = _content(campaign, step)
    mailboxes = selectors.mailboxes_of(campaign)
    if not mailboxes:
        raise InvalidCampaign("Choose a mailbox first.", fields={"mailboxes": ["Choose a mailbox first."]})
    compile_email(**content)
    return delivery.send_test(
        workspace=campaign.workspace,
        mailbox=mailboxes[0],
        to=to,
        contact=contact,
        context={"campaign": {"name": campaign.name}, **_event(campaign, contact)},
        format=content["format"],
        subject=f"[Test] {content['subject']}",
        preheader=content["preheader"],
        source=content["source"],
        text_source=content["text_source"],
    )


def render_preview(
    campaign: Campaign, *, contact: Contact | None = None, step: Step | None = None, variant: Variant | None = None
) -> Rendered:
    """Return the first email of the campaign (or `step`'s, or that of a test's version) as `contact` would get it; without links that act.

    Raises InvalidCampaign without content, TemplateError or RenderError when it can't be made.
    """
    compiled = compile_email(**_content(campaign, step, variant))
    mailboxes = selectors.mailboxes_of(campaign)
    fields = {**(liquid_context(vars(contact)) if contact else {}), **_event(campaign, contact)}
    return compiled.render({**fields, **shared_context(campaign, mailboxes[0] if mailboxes else None)})


def _event(campaign: Campaign, contact: Contact | None) -> dict[str, Any]:
    """Return `event` as it would be for the contact: of the latest event that would have called them."""
    trigger = selectors.trigger_of(campaign)
    if trigger is None or contact is None:
        return {}
    event_id = latest_events(trigger, [contact.pk]).get(contact.pk)
    return {} if event_id is None else {"event": event_contexts([event_id])[event_id]}


def _content(campaign: Campaign, step: Step | None, variant: Variant | None = None) -> dict[str, str]:
    emails = selectors.emails_of(campaign)
    chosen = step or (emails[0] if emails else None)
    content = content_of(chosen) if chosen else {}
    if variant is not None:
        content |= _differences(variant)
    if not content or not content["source"].strip():
        raise InvalidCampaign("Choose a template first.", fields={"template": ["Choose a template first."]})
    return content


def _differences(variant: Variant) -> dict[str, str]:
    """Return what a version gives that the email doesn't."""
    found = {name: text for name in ("subject", "preheader") if (text := getattr(variant, name))}
    if version := variant.template_version:
        found |= {"format": version.format, "source": version.source, "text_source": version.text_source}
    return found
