from typing import Any, cast

from django.db.models import QuerySet
from django.urls import get_resolver, reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from team import selectors, services
from team.access import Capability, MemberRequest
from team.api.base import DeleteMixin, ReadMixin, UpdateMixin, WorkspaceViewSet
from team.api.permissions import IsKnown
from team.api.serializers import MemberSerializer, RootSerializer
from team.models import ApiToken, Membership


class MemberViewSet(ReadMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[Membership]):
    """The members of the workspace: list them, change a role, take somebody out."""

    scope = "members"
    write_capability = Capability.MANAGE
    serializer_class = MemberSerializer

    def get_queryset(self) -> QuerySet[Membership]:
        return selectors.members_in(self.workspace)

    def update_object(self, instance: Membership, data: dict[str, Any]) -> Membership:
        role = data.get("role", instance.role)
        return services.change_role(instance, role=role, by=self._asking())

    def delete_object(self, instance: Membership) -> None:
        services.remove_member(instance, by=self._asking())

    def _asking(self) -> Membership | None:
        return self.request.auth if isinstance(self.request.auth, Membership) else None


class RootView(APIView):
    """Where a client starts, and how it checks its token."""

    permission_classes = [IsKnown]

    @extend_schema(responses=RootSerializer, operation_id="root", tags=["root"])
    def get(self, request: Request) -> Response:
        """Say who the caller is taken for, and which resources there are."""
        member_request = cast("MemberRequest", request)
        scopes = request.auth.scopes if isinstance(request.auth, ApiToken) else []
        return Response(
            {
                "workspace": member_request.workspace.slug,
                "actor": member_request.actor_label,
                "scopes": scopes,
                "resources": {
                    path.rstrip("/").rpartition("/")[2]: request.build_absolute_uri(path) for path in _list_paths()
                },
            }
        )


def _list_paths() -> list[str]:
    names = get_resolver().reverse_dict.keys()
    lists = {name for name in names if isinstance(name, str) and name.endswith("-list")}
    paths = (reverse(name) for name in sorted(lists))
    return [path for path in paths if path.startswith("/api/")]
