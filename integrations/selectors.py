"""Reads of the fact log as a feed, of the sources of incoming webhooks, and of the programs that are told by webhooks."""

from django.conf import settings
from django.db.models import Max, QuerySet
from django.urls import reverse

from core.exceptions import NotFound
from core.models import Fact
from integrations.models import EventSource, WebhookDelivery, WebhookEndpoint
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


def endpoints_in(workspace: Workspace) -> QuerySet[WebhookEndpoint]:
    """Return the programs that the workspace tells by webhooks, newest first."""
    return WebhookEndpoint.objects.filter(workspace=workspace)


def endpoint_in(workspace: Workspace, endpoint_id: int) -> WebhookEndpoint:
    """Return one endpoint.  Raises NotFound."""
    found = endpoints_in(workspace).filter(pk=endpoint_id).first()
    if found is None:
        raise NotFound("There is no such webhook.")
    return found


def endpoints_told_of(event: str, *, workspace_id: int) -> list[WebhookEndpoint]:
    """Return the workspace's endpoints that are told of such an event now."""
    return list(WebhookEndpoint.objects.filter(workspace=workspace_id, is_active=True, events__contains=[event]))


def deliveries_to(endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    """Return what the endpoint was told or is to be told, newest first."""
    return WebhookDelivery.objects.filter(endpoint=endpoint)


def delivery_to(endpoint: WebhookEndpoint, delivery_id: int) -> WebhookDelivery:
    """Return one delivery.  Raises NotFound."""
    found = deliveries_to(endpoint).select_related("endpoint").filter(pk=delivery_id).first()
    if found is None:
        raise NotFound("There is no such delivery.")
    return found
