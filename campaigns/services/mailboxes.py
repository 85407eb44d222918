"""What a removed mailbox means for the campaigns that send from it."""

from campaigns import selectors
from campaigns.exceptions import CampaignError
from campaigns.models import Campaign, Status
from delivery.events import MailboxRemoved
from sequences import selectors as sequence_reads
from sequences import services as sequences


def hand_over_mailbox(decision: MailboxRemoved) -> None:
    """Handler: the contacts on the way from the mailbox go to the others of their campaign's pool.

    Raises CampaignError, which keeps the mailbox, when it is the only one of a campaign that still needs it.
    """
    launched = Campaign.objects.filter(status__in=(Status.RUNNING, Status.PAUSED), mailboxes=decision.mailbox_id)
    campaigns = list(launched.select_related("sequence", "launch").prefetch_related("mailboxes"))
    on_the_way = sequence_reads.open_sequences([campaign.sequence_id for campaign in campaigns])
    for campaign in campaigns:
        others = [mailbox.pk for mailbox in selectors.mailboxes_of(campaign) if mailbox.pk != decision.mailbox_id]
        needed = campaign.sequence_id in on_the_way or campaign.launch.finished_at is None
        if needed and not others:
            raise CampaignError(
                f"It is the only mailbox of “{campaign.name}”, which is {campaign.get_status_display().lower()}."
                " Cancel the campaign first.",
                code="mailbox_in_use",
            )
        if needed:
            sequences.hand_over_mailbox(mailbox_id=decision.mailbox_id, to=others, sequence_ids=[campaign.sequence_id])
