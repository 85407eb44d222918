from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
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
    SourceSecretSerializer,
)
from integrations.models import EventSource
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
