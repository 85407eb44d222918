"""Who may do what with one object: the resource below each object that can be shared."""

from typing import Any

from django.db.models import Model, QuerySet
from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from team import selectors, services, shares
from team.access import Capability, role_share, share_of
from team.api.base import ReadMixin, WorkspaceViewSet
from team.models import Membership, Role, Share


class ShareSerializer(serializers.ModelSerializer[Membership]):
    """What a member may do with the object."""

    member = serializers.IntegerField(source="pk", read_only=True, help_text="The member's id, as in `members/`.")
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user", read_only=True)
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    by_role = serializers.SerializerMethodField(
        help_text="What the role allows: `edit`, `send` (and edit); null: to look."
    )
    share = serializers.SerializerMethodField(help_text="What a share of this object allows; null: nothing is shared.")

    class Meta:
        model = Membership
        fields = ["member", "email", "name", "role", "by_role", "share"]

    def get_by_role(self, member: Membership) -> str | None:
        return role_share(member.role, type(self.context["object"])) or None

    def get_share(self, member: Membership) -> str | None:
        return share_of(self.context["held"].get(member.user_id, frozenset())) or None


class GiveSerializer(serializers.Serializer[Any]):
    """What to share."""

    access = serializers.ChoiceField(choices=Share.choices, help_text="`send` (and edit) is for campaigns alone.")


class ShareViewSet(ReadMixin, WorkspaceViewSet[Membership]):
    """The members of the workspace with what each may do with one object; PUT shares it, DELETE ends the share.

    It is about people: tokens need the scope of `members`, and members the role of an owner or admin to change anything.
    """

    scope = "members"
    write_capability = Capability.MANAGE
    serializer_class = ShareSerializer
    lookup_url_kwarg = "member"

    def shared_object(self, key: int) -> Model:
        """Return the object with this key in the workspace.  Raises NotFound."""
        raise NotImplementedError

    @classmethod
    def urls(cls, resource: str, name: str) -> list[URLPattern]:
        """Return the URLs below `<resource>/<id>/`."""
        many = cls.as_view({"get": "list"})
        one = cls.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}, detail=True)
        return [
            path(f"{resource}/<int:id>/shares/", many, name=f"{name}_shares"),
            path(f"{resource}/<int:id>/shares/<int:member>/", one, name=f"{name}_share"),
        ]

    def get_queryset(self) -> QuerySet[Membership]:
        return selectors.members_in(self.workspace)

    def get_serializer_context(self) -> dict[str, Any]:
        context = dict(super().get_serializer_context())
        if getattr(self, "swagger_fake_view", False):  # the schema is made without an object
            return context
        found = self._object()
        return {**context, "object": found, "held": shares.actions_by_user(found)}

    @extend_schema(request=GiveSerializer, responses=ShareSerializer)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Share the object with a member, or change what they may do with it."""
        shared, membership = self._object(), self.get_object()
        given = GiveSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        services.share(obj=shared, membership=membership, access=given.validated_data["access"])
        return Response(self.get_serializer(membership).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """End the share; ending what isn't there is fine."""
        services.share(obj=self._object(), membership=self.get_object(), access="")
        return Response(status=204)

    def _object(self) -> Model:
        return self.shared_object(self.kwargs["id"])
