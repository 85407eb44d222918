"""Sending a campaign's email to the team, through the same ledger and wire."""

from collections.abc import Sequence

from campaigns import selectors
from campaigns.exceptions import InvalidCampaign
from campaigns.models import Campaign
from contacts.models import Contact
from delivery import services as delivery
from sequences.models import Step
from sequences.services import content_of
from templates_lib.rendering import compile_email


def send_test(
    campaign: Campaign, *, to: Sequence[str], contact: Contact | None = None, step: Step | None = None
) -> list[int]:
    """Send the first email of the campaign (or `step`'s) to addresses, as `contact` would get it; return the message ids.

    Raises InvalidCampaign without content or a mailbox, TemplateError when it doesn't compile, InvalidInput for the
    addresses, DeliveryError when the mailbox is paused.
    """
    emails = selectors.emails_of(campaign)
    chosen = step or (emails[0] if emails else None)
    content = content_of(chosen) if chosen else {}
    if not content or not content["source"].strip():
        raise InvalidCampaign("Choose a template first.", fields={"template": ["Choose a template first."]})
    mailboxes = selectors.mailboxes_of(campaign)
    if not mailboxes:
        raise InvalidCampaign("Choose a mailbox first.", fields={"mailboxes": ["Choose a mailbox first."]})
    compile_email(**content)
    return delivery.send_test(
        workspace=campaign.workspace,
        mailbox=mailboxes[0],
        to=to,
        contact=contact,
        context={"campaign": {"name": campaign.name}},
        **{**content, "subject": f"[Test] {content['subject']}"},
    )
