"""Campaigns that start each other: found before one of them is launched."""

from collections.abc import Iterable

from django.db.models import Q

from campaigns.models import Campaign, Trigger, TriggerKind
from sequences import selectors as sequences


def circle_of(campaign: Campaign) -> list[str]:
    """Return the names of the campaigns on a way from the campaign back to itself, itself first; empty if there is none.

    A campaign leads to those whose trigger is its outcome, and to those that its steps start.  Of the others counts what
    runs: the last one of a circle to be launched is refused.
    """
    after: dict[int, set[int]] = {}
    followers = Trigger.objects.filter(
        Q(is_live=True) | Q(campaign=campaign),
        workspace=campaign.workspace_id,
        kind=TriggerKind.OUTCOME,
        source__isnull=False,
    )
    for source_id, campaign_id in followers.values_list("source_id", "campaign_id"):
        after.setdefault(source_id, set()).add(campaign_id)
    campaigns = Campaign.objects.filter(workspace=campaign.workspace_id)
    by_sequence = dict(campaigns.values_list("sequence_id", "pk"))
    for sequence_id, started in sequences.starts_in(campaign.workspace_id, draft_of=campaign.sequence_id):
        if sequence_id in by_sequence and started in by_sequence:
            after.setdefault(by_sequence[sequence_id], set()).add(by_sequence[started])
    way = _way_back(campaign.pk, after)
    names = dict(campaigns.filter(pk__in=way).values_list("pk", "name"))
    return [names[pk] for pk in way]


def _way_back(start: int, after: dict[int, set[int]]) -> list[int]:
    """The shortest way from the start to itself, breadth first."""
    came_from: dict[int, int] = {}
    front: Iterable[int] = [start]
    while front:
        following: list[int] = []
        for pk in front:
            for reached in sorted(after.get(pk, ())):
                if reached == start:
                    way = [pk]
                    while way[-1] != start:
                        way.append(came_from[way[-1]])
                    return way[::-1]
                if reached not in came_from:
                    came_from[reached] = pk
                    following.append(reached)
        front = following
    return []
