"""What a deleted list or segment means for the campaigns that go to it, or leave it out."""

from campaigns.exceptions import CampaignError
from campaigns.models import Campaign, Status, Trigger
from campaigns.services.drafts import note_edit
from contacts.events import ListDeleted, SegmentDeleted

# Their audience is promised: scheduled ones count it when they start, launched ones while they enrol.
BOUND = (Status.SCHEDULED, Status.RUNNING, Status.PAUSED)
NAMED = 3


def let_list_go(decision: ListDeleted) -> None:
    """Handler: drafts remember what they lost.  Raises CampaignError, which keeps the list, while a campaign needs it."""
    _let_go("list", decision.list_id, decision.name, chosen="lists", excluded="excluded_lists")


def let_segment_go(decision: SegmentDeleted) -> None:
    """Handler: drafts remember what they lost.  Raises CampaignError, which keeps the segment, while a campaign needs it."""
    _let_go("segment", decision.segment_id, decision.name, chosen="segments", excluded="excluded_segments")


def _let_go(kind: str, pk: int, name: str, *, chosen: str, excluded: str) -> None:
    going = set(Campaign.objects.filter(**{chosen: pk}).values_list("pk", flat=True))
    leaving_out = set(Campaign.objects.filter(**{excluded: pk}).values_list("pk", flat=True))
    starting = set(Trigger.objects.filter(**{kind: pk}).values_list("campaign", flat=True))
    # Locked, so that none is scheduled meanwhile; whoever waits for the lock finds a newer version than was checked.
    users = list(Campaign.objects.select_for_update().filter(pk__in=going | leaving_out | starting).order_by("pk"))
    bound = [campaign for campaign in users if campaign.status in BOUND]
    if bound:
        raise CampaignError(_refusal(kind, name, bound), code="in_use")
    for campaign in users:
        campaign.lost_audience += [
            {"kind": kind, "name": name, "excluded": is_excluded}
            for is_excluded, ids in ((False, going), (True, leaving_out))
            if campaign.pk in ids
        ]
        if campaign.status == Status.DRAFT:
            # A trigger is left without it; the checklist asks for another one.
            note_edit(campaign, "the trigger" if campaign.pk in starting else "the audience")
        else:
            campaign.save(update_fields=["lost_audience"])  # a copy of it will miss the same


def _refusal(kind: str, name: str, campaigns: list[Campaign]) -> str:
    shown = [f"“{campaign.name}” ({campaign.get_status_display().lower()})" for campaign in campaigns[:NAMED]]
    if len(campaigns) > NAMED:
        shown.append(f"{len(campaigns) - NAMED:,} more")
    listed = shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
    noun = "campaign" if len(campaigns) == 1 else "campaigns"
    return (
        f"The {kind} “{name}” is used by the {noun} {listed}."
        f" Cancel {'it' if len(campaigns) == 1 else 'them'}, or wait until all mail has left, before you delete it."
    )
