"""The page "Sending": what leaves now, what waits and why, and when it will have left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from campaigns import selectors as campaigns
from campaigns.models import Campaign, Kind, Status
from delivery import selectors as delivery
from delivery.selectors import Hold, MailingState, SendingState
from sequences import selectors as sequences
from team.models import Workspace

_AT_WORK = (Status.SCHEDULED, Status.RUNNING, Status.PAUSED)


@dataclass(frozen=True, slots=True)
class CampaignAtWork:
    """A campaign with mail on its way: `ends_at` is when it will have left, None if that can't be told."""

    campaign: Campaign
    done: int
    total: int
    waiting: int
    holds: Sequence[Hold]
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sending:
    """Everything on the page."""

    state: SendingState
    campaigns: Sequence[CampaignAtWork]


def sending(workspace: Workspace, *, now: datetime) -> Sending:
    """Return how the workspace's mail is going out, campaigns with the most that waits first."""
    state = delivery.sending_state(workspace, now=now)
    at_work = list(campaigns.campaigns_in(workspace).filter(status__in=_AT_WORK))
    mailings = {one.mailing_id: one for one in state.mailings}
    own = sequences.mailing_ids_by_sequence([campaign.sequence_id for campaign in at_work])
    progress = campaigns.progress_of(at_work)
    rows = []
    for campaign in at_work:
        waiting = [mailings[mailing] for mailing in own[campaign.sequence_id] if mailing in mailings]
        if waiting:
            rows.append(_row(campaign, progress[campaign.pk], waiting))
    return Sending(state, sorted(rows, key=lambda row: -row.waiting))


def _row(campaign: Campaign, progress: campaigns.Progress, waiting: Sequence[MailingState]) -> CampaignAtWork:
    ends = [one.clears_at for one in waiting if one.clears_at]
    return CampaignAtWork(
        campaign=campaign,
        done=progress.messages_done,
        total=max(progress.messages, progress.total) if campaign.kind == Kind.BROADCAST else progress.messages,
        waiting=sum(one.waiting for one in waiting),
        holds=[hold for one in waiting for hold in one.holds],
        ends_at=max(ends) if len(ends) == len(waiting) else None,
    )
