"""What a removed mailbox means for the campaigns that send from it."""

from campaigns import selectors
from campaigns.exceptions import CampaignError
from campaigns.models import Campaign, Status
from campaigns.services.drafts import note_edit
from delivery.events import MailboxRemoved
from sequences import selectors as sequence_reads
from sequences import services as sequences

CONCERNED = (Status.DRAFT, Status.SCHEDULED, Status.RUNNING, Status.PAUSED)


def hand_over_mailbox(decision: MailboxRemoved) -> None:
    """Handler: the contacts on the way from the mailbox go to the others of their campaign's pool; drafts need a new check.

    Raises CampaignError, which keeps the mailbox, when it is the only one of a campaign that still needs it.
    """
    users = Campaign.objects.select_for_update(of=("self",)).filter(status__in=CONCERNED, mailboxes=decision.mailbox_id)
    campaigns = list(users.order_by("pk").select_related("sequence", "launch").prefetch_related("mailboxes"))
    on_the_way = sequence_reads.open_sequences([campaign.sequence_id for campaign in campaigns])
    for campaign in campaigns:
        if campaign.status == Status.DRAFT:
            note_edit(campaign, "the sender")
            continue
        others = [mailbox.pk for mailbox in selectors.mailboxes_of(campaign) if mailbox.pk != decision.mailbox_id]
        if _is_needed(campaign, on_the_way) and not others:
            way_out = "Make it a draft again" if campaign.status == Status.SCHEDULED else "Cancel the campaign"
            raise CampaignError(
                f"It is the only mailbox of “{campaign.name}”, which is {campaign.get_status_display().lower()}."
                f" {way_out} first.",
                code="mailbox_in_use",
            )
        if campaign.sequence_id in on_the_way:
            sequences.hand_over_mailbox(mailbox_id=decision.mailbox_id, to=others, sequence_ids=[campaign.sequence_id])


def _is_needed(campaign: Campaign, on_the_way: set[int]) -> bool:
    """A scheduled campaign will send, a launched one sends while it enrols or somebody is on the way."""
    if campaign.status == Status.SCHEDULED:
        return True
    return campaign.sequence_id in on_the_way or campaign.launch.finished_at is None
