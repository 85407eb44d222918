"""Reads of the fact log as a feed."""

from django.db.models import Max

from core.models import Fact
from team.models import Workspace


def facts_from(workspace: Workspace, *, position: int, limit: int) -> list[Fact]:
    """Return up to `limit` facts of the workspace from `position` on (it included), in order.

    Positions are given after the commit and in order, so that a reader who goes on from the last one misses nothing.
    """
    facts = Fact.objects.filter(workspace_id=workspace.pk, position__gte=position)
    return list(facts.order_by("position")[:limit])


def last_position(workspace: Workspace) -> int:
    """Return the position after the workspace's last fact."""
    last: int | None = Fact.objects.filter(workspace_id=workspace.pk).aggregate(last=Max("position"))["last"]
    return (last or 0) + 1
