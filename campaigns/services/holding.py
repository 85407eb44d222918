"""Holding contacts out: writing down who, so that they stay out and can be compared; and the workspace's standing group."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from campaigns.audience import Audience
from campaigns.exceptions import InvalidCampaign
from campaigns.holdouts import MOST, holdout_of, standing_group
from campaigns.models import Campaign, HeldOut, HoldoutGroup
from core import clock
from core.literals import numbers
from team.models import Workspace

MONTHS = (0, 1, 3, 6, 12)


@transaction.atomic
def hold_out_audience(audience: Audience, *, now: datetime) -> int:
    """Write down who of a launch's audience is held out, in one statement; return how many are new.  Safe to repeat."""
    holdout = audience.holdout
    if not holdout.draws or not audience.is_chosen:
        return 0
    sql, params = audience.query()
    held_out, drawn = holdout.condition()
    cause, causes = holdout.cause()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO campaigns_heldout (campaign_id, contact_id, cause, held_at)
            SELECT %s, c.id, {cause}, %s FROM ({sql}) audience JOIN contacts_contact c ON c.id = audience.id
            WHERE {held_out} AND {cause} IS NOT NULL AND NOT EXISTS (
                SELECT FROM contacts_suppression s WHERE s.workspace_id = c.workspace_id AND s.email_key = c.email_key)
            ON CONFLICT DO NOTHING
            """,  # noqa: S608 - compiled by contacts and from constants, values are parameters
            [holdout.campaign_id, *causes, now, *params, *drawn, *causes],
        )
        return int(cursor.rowcount)


@transaction.atomic
def hold_out(campaign: Campaign, contact_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Return those who may enter, in their order; who is held out is written down.  At most 10,000 contacts."""
    holdout = holdout_of(campaign)
    if holdout.is_empty:
        return list(contact_ids)
    held_out, drawn = holdout.condition("given.id")
    cause, causes = holdout.cause("given.id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT given.id, {cause} FROM unnest(%s::bigint[]) AS given (id) WHERE {held_out}",  # noqa: S608 - as above
            [*causes, numbers(contact_ids), *drawn],
        )
        held = dict(cursor.fetchall())
    HeldOut.objects.bulk_create(
        [
            HeldOut(campaign=campaign, contact_id=contact_id, cause=why, held_at=now)
            for contact_id, why in sorted(held.items())
            if why is not None
        ],
        ignore_conflicts=True,
    )
    return [contact_id for contact_id in contact_ids if contact_id not in held]


@transaction.atomic
def set_holdout_group(workspace: Workspace, *, share: float, renew_months: int = 3) -> HoldoutGroup | None:
    """Let a share of the workspace's contacts get no campaign from now on; 0 lets all get mail again.

    Another share draws others; the months until others are drawn can change under the group that stands.  Raises InvalidCampaign.
    """
    errors: dict[str, list[str]] = {}
    if not 0 <= share <= MOST:  # NaN is neither
        errors["share"] = ["Between 0 and 50 %."]
    if renew_months not in MONTHS:
        errors["renew_months"] = [f"One of {', '.join(map(str, MONTHS))}; 0 is never."]
    if errors:
        raise InvalidCampaign(next(iter(errors.values()))[0], fields=errors)
    Workspace.objects.select_for_update().get(pk=workspace.pk)  # two at once make one group
    group = standing_group(workspace.pk)
    if group is not None and group.share == share:
        group.renew_months = renew_months
        group.save(update_fields=["renew_months"])
        return group
    now = clock.now()
    HoldoutGroup.objects.filter(workspace=workspace, until=None).update(until=now)
    if not share:
        return None
    return HoldoutGroup.objects.create(workspace=workspace, share=share, renew_months=renew_months, since=now)


@transaction.atomic
def renew_holdout_group(workspace: Workspace) -> HoldoutGroup:
    """Draw others for the workspace's held-out group now.  Raises InvalidCampaign when there is none."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    group = standing_group(workspace.pk)
    if group is None:
        raise InvalidCampaign("This workspace holds nobody out.")
    now = clock.now()
    HoldoutGroup.objects.filter(pk=group.pk).update(until=now)
    return HoldoutGroup.objects.create(
        workspace=workspace, share=group.share, renew_months=group.renew_months, since=now
    )


def renew_due_groups(*, now: datetime | None = None) -> int:
    """Draw others for the groups whose months are over; return how many groups."""
    moment = now or clock.now()
    standing = HoldoutGroup.objects.filter(until=None, renew_months__gt=0).select_related("workspace")
    due = [group for group in standing if renews_at(group) <= moment]
    for group in due:
        renew_holdout_group(group.workspace)
    return len(due)


def renews_at(group: HoldoutGroup) -> datetime:
    """Return when others are drawn: so many months later at midnight in the workspace's zone, on the last day of a short month."""
    local = group.since.astimezone(ZoneInfo(group.workspace.time_zone))
    year, month = divmod(local.month - 1 + group.renew_months, 12)
    first = local.replace(year=local.year + year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
    day = min(local.day, ((first + timedelta(days=31)).replace(day=1) - timedelta(days=1)).day)
    return first.replace(day=day)
