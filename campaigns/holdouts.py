"""Who gets nothing on purpose, so that it can be seen what mail brings: drawn by a hash, so always the same contacts.

The workspace's standing group is drawn first, by a key of its own; a campaign's share is drawn from all others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q

from abtests.selectors import held_out_sql
from campaigns.exceptions import InvalidCampaign
from campaigns.models import Campaign, HeldOut, HoldoutGroup

MOST = 0.5
LONGEST_DAYS = 365


class Draw(NamedTuple):
    """One share, the key by which it is drawn, and why."""

    cause: HeldOut.Cause
    key: str
    share: float


@dataclass(frozen=True, slots=True)
class Holdout:
    """Whom a campaign holds out: those drawn, and those whom it has held out before (a group may be another one by now)."""

    campaign_id: int
    draws: tuple[Draw, ...] = ()
    remembers: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.draws and not self.remembers

    def condition(self, contact_id: str = "c.id") -> tuple[str, list[Any]]:
        """Return the SQL condition that tells whether a contact is held out, with its parameters."""
        parts = [held_out_sql(draw.key, draw.share, contact_id=contact_id) for draw in self.draws]
        if self.remembers:
            known = "EXISTS (SELECT FROM campaigns_heldout ho WHERE ho.campaign_id = %s AND ho.contact_id = {})"
            parts.append((known.format(contact_id), [self.campaign_id]))
        if not parts:
            return "FALSE", []
        return f"({' OR '.join(sql for sql, _ in parts)})", [value for _, values in parts for value in values]

    def cause(self, contact_id: str = "c.id") -> tuple[str, list[Any]]:
        """Return the SQL expression of why a contact is held out (the first draw that does), with its parameters."""
        cases, params = [], []
        for draw in self.draws:
            sql, values = held_out_sql(draw.key, draw.share, contact_id=contact_id)
            cases.append(f"WHEN {sql} THEN {int(draw.cause)}")
            params += values
        return (f"CASE {' '.join(cases)} END" if cases else "NULL::int"), params


NOBODY = Holdout(0)


def standing_group(workspace_id: int, *, at: datetime | None = None) -> HoldoutGroup | None:
    """Return the group of the workspace's contacts that gets no campaign now, or got none at a moment."""
    groups = HoldoutGroup.objects.filter(workspace=workspace_id)
    if at is None:
        return groups.filter(until=None).first()
    return groups.filter(Q(until=None) | Q(until__gt=at), since__lte=at).first()


def holdout_of(campaign: Campaign, *, at: datetime | None = None) -> Holdout:
    """Return whom the campaign holds out (two queries), by the workspace's group of now or of a moment.

    A launch goes by the group of its beginning until everybody is in, which takes days where a part is tested first.
    """
    draws = []
    group = None if campaign.is_necessary else standing_group(campaign.workspace_id, at=at)
    if group is not None:
        draws.append(group_draw(group))
    if campaign.holdout_share > 0:
        draws.append(Draw(HeldOut.Cause.CAMPAIGN, f"holdout:campaign:{campaign.pk}", campaign.holdout_share))
    remembers = campaign.launched_at is not None and HeldOut.objects.filter(campaign=campaign).exists()
    return Holdout(campaign.pk, tuple(draws), remembers)


def group_draw(group: HoldoutGroup) -> Draw:
    """Return how the contacts of a group are drawn: every group has a key of its own."""
    return Draw(HeldOut.Cause.GROUP, f"holdout:group:{group.pk}", group.share)


def checked_holdout(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a campaign's settings as they are kept.  Raises InvalidCampaign for a share, an event or days that can't be."""
    checked, errors = dict(given), {}
    if "holdout_share" in checked and not 0 <= checked["holdout_share"] <= MOST:  # NaN is neither
        errors["holdout_share"] = ["Between 0 and 50 %."]
    if "holdout_event" in checked:
        checked["holdout_event"] = checked["holdout_event"].strip()
        if len(checked["holdout_event"]) > 100 or "\x00" in checked["holdout_event"]:
            errors["holdout_event"] = ["The name of an event has up to 100 letters."]
    if "holdout_days" in checked and not 1 <= checked["holdout_days"] <= LONGEST_DAYS:
        errors["holdout_days"] = [f"Between 1 and {LONGEST_DAYS} days."]
    if errors:
        raise InvalidCampaign(next(iter(errors.values()))[0], fields=errors)
    return checked
