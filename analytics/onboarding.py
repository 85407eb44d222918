"""The way from an empty workspace to its first campaign."""

from dataclasses import dataclass

from django.urls import reverse

from campaigns.models import Campaign, Status
from contacts.models import Contact
from delivery.models import Mailbox
from team.models import Workspace


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One step of the checklist and whether it is done."""

    title: str
    text: str
    action: str
    url: str
    done: bool


def first_steps(workspace: Workspace) -> list[FirstStep]:
    """Return what is left and done before the first launch; empty once a campaign was launched."""
    if Campaign.objects.filter(workspace=workspace).exclude(status=Status.DRAFT).exists():
        return []
    return [
        FirstStep(
            "Say who you are",
            "Your company's name and postal address belong in every marketing email.",
            "Workspace settings",
            reverse("team:settings"),
            done=bool(workspace.company and workspace.postal_address),
        ),
        FirstStep(
            "Connect a mailbox",
            "The address that your mail comes from, and the server that takes it.",
            "Add a mailbox",
            reverse("delivery:mailboxes"),
            done=Mailbox.objects.filter(workspace=workspace).exists(),
        ),
        FirstStep(
            "Bring your contacts",
            "A CSV file with addresses is enough; you choose which column is what.",
            "Import contacts",
            reverse("contacts:imports"),
            done=Contact.objects.filter(workspace=workspace).exists(),
        ),
        FirstStep(
            "Launch a campaign",
            "Choose a template, write the subject, check, and send.",
            "New campaign",
            reverse("campaigns:start"),
            done=False,
        ),
    ]
