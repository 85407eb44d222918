"""Reads of the fact log as a feed, and of the sources of incoming webhooks."""

from django.conf import settings
from django.db.models import Max, QuerySet
from django.urls import reverse

from core.exceptions import NotFound
from core.models import Fact
from integrations.models import EventSource
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


def sources_in(workspace: Workspace) -> QuerySet[EventSource]:
    """Return the workspace's sources of incoming webhooks by name."""
    return EventSource.objects.filter(workspace=workspace)


def source_in(workspace: Workspace, source_id: int) -> EventSource:
    """Return one source.  Raises NotFound."""
    found = sources_in(workspace).filter(pk=source_id).first()
    if found is None:
        raise NotFound("There is no such source.")
    return found


def source_by_token(token: str) -> EventSource | None:
    """Return the source that takes events at this address."""
    return EventSource.objects.filter(token=token, is_active=True).first()


def address_of(source: EventSource) -> str:
    """Return the URL that takes the source's webhooks."""
    return f"{settings.BASE_URL}{reverse('integrations:receive', args=[source.token])}"
