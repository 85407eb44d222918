from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.models import Fact
from integrations import selectors, services
from integrations.activities import read_cursor, read_feed
from integrations.api.serializers import (
    EventSourceSerializer,
    FeedPageSerializer,
    FeedQuerySerializer,
    NewEventSourceSerializer,
    NewWebhookSerializer,
    SourceSecretSerializer,
    WebhookDeliverySerializer,
    WebhookSecretSerializer,
    WebhookSerializer,
)
from integrations.models import EventSource, WebhookDelivery, WebhookEndpoint
from team.access import Capability
from team.api.base import DeleteMixin, ReadMixin, UpdateMixin, WorkspaceViewSet

# No cache, and no record of answers, keeps a secret that is shown once.
SHOWN_ONCE = {"Cache-Control": "no-store"}


class ActivityViewSet(WorkspaceViewSet[Fact]):
    """The feed for CRMs: every fact in order, one activity a person, resumable by its cursor."""

    scope = "activities"
    serializer_class = FeedPageSerializer
    pagination_class = None
    filter_backends = []

    def get_queryset(self) -> QuerySet[Fact]:
        return Fact.objects.filter(workspace_id=self.workspace.pk)

    @extend_schema(parameters=[FeedQuerySerializer], responses=FeedPageSerializer, operation_id="activities_list")
    def list(self, request: Request) -> Response:
        """Read on from a cursor.

        Nothing is ever skipped: a fact gets its place in the order once it is committed. After the last page, ask again
        with the last `cursor`.
        """
        query = FeedQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        after = read_cursor(self.workspace, query.validated_data["after"])
        page = read_feed(self.workspace, after=after, limit=query.validated_data["limit"])
        return Response(self.get_serializer(page).data)


class EventSourceViewSet(ReadMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[EventSource]):
    """Sources of incoming webhooks: programs that tell of events with signed requests, by the rules of Standard Webhooks."""

    scope = "webhooks"
    write_capability = Capability.MANAGE
    serializer_class = EventSourceSerializer
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[EventSource]:
        return selectors.sources_in(self.workspace).order_by("-id")

    @extend_schema(responses={201: NewEventSourceSerializer})
    def create(self, request: Request) -> Response:
        """Make a source.  Its secret is in this answer alone; who has lost it makes another one (`secret`)."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        source, secret = services.save_source(workspace=self.workspace, **given.validated_data)
        made = NewEventSourceSerializer(source, context={**self.get_serializer_context(), "secret": secret})
        return Response(made.data, status=201, headers=SHOWN_ONCE)

    def update_object(self, instance: EventSource, data: dict[str, Any]) -> EventSource:
        return services.save_source(workspace=self.workspace, source=instance, **data)[0]

    def delete_object(self, instance: EventSource) -> None:
        services.delete_source(instance)

    @extend_schema(request=None, responses=SourceSecretSerializer)
    @action(detail=True, methods=["post"])
    def secret(self, request: Request, pk: str) -> Response:
        """Give the source another secret; what is signed with the old one is refused from now on."""
        return Response({"secret": services.renew_secret(self.get_object())}, headers=SHOWN_ONCE)


class WebhookViewSet(ReadMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[WebhookEndpoint]):
    """Programs that are told what happens here by signed requests, by the rules of Standard Webhooks."""

    scope = "webhooks"
    write_capability = Capability.MANAGE
    serializer_class = WebhookSerializer
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        return selectors.endpoints_in(self.workspace)

    @extend_schema(responses={201: NewWebhookSerializer})
    def create(self, request: Request) -> Response:
        """Make a webhook.  Its secret is in this answer alone; who has lost it makes another one (`secret`)."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        endpoint, secret = services.save_endpoint(workspace=self.workspace, **given.validated_data)
        made = NewWebhookSerializer(endpoint, context={**self.get_serializer_context(), "secret": secret})
        return Response(made.data, status=201, headers=SHOWN_ONCE)

    def update_object(self, instance: WebhookEndpoint, data: dict[str, Any]) -> WebhookEndpoint:
        return services.save_endpoint(workspace=self.workspace, endpoint=instance, **data)[0]

    def delete_object(self, instance: WebhookEndpoint) -> None:
        services.delete_endpoint(instance)

    @extend_schema(request=None, responses=WebhookSecretSerializer)
    @action(detail=True, methods=["post"])
    def secret(self, request: Request, pk: str) -> Response:
        """Give the webhook another secret; for 24 hours requests are signed with the old one, too."""
        return Response({"secret": services.renew_endpoint_secret(self.get_object())}, headers=SHOWN_ONCE)

    @extend_schema(request=None, responses={202: WebhookDeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send `webhook.test`, to see whether webhooks arrive; `deliveries` says what came of it."""
        return Response(WebhookDeliverySerializer(services.send_test(self.get_object())).data, status=202)

    @extend_schema(responses=WebhookDeliverySerializer(many=True))
    @action(detail=True, methods=["get"])
    def deliveries(self, request: Request, pk: str) -> Response:
        """What it was told in the last month, or is to be told, newest first."""
        found: QuerySet[WebhookDelivery] = selectors.deliveries_to(self.get_object())
        page: Any = self.paginate_queryset(found)  # type: ignore[arg-type]  # another model than the viewset's
        return self.get_paginated_response(WebhookDeliverySerializer(page, many=True).data)

    @extend_schema(
        request=None,
        responses={202: WebhookDeliverySerializer},
        parameters=[OpenApiParameter("delivery_id", OpenApiTypes.INT64, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["post"], url_path=r"deliveries/(?P<delivery_id>\d{1,18})/resend")
    def resend(self, request: Request, pk: str, delivery_id: str) -> Response:
        """Tell it again, under the same `webhook-id`."""
        delivery = selectors.delivery_to(self.get_object(), int(delivery_id))
        return Response(WebhookDeliverySerializer(services.resend(delivery)).data, status=202)
