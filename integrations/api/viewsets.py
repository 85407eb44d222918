from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.models import Fact
from integrations.activities import read_cursor, read_feed
from integrations.api.serializers import FeedPageSerializer, FeedQuerySerializer
from team.api.base import WorkspaceViewSet


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
