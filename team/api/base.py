"""What every endpoint of the API stands on.

Exported: apps above build their viewsets from it (docs/decisions/0004-doors.md).

    class ListViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[List]):
        scope = "contacts"
        serializer_class = ListSerializer

        def get_queryset(self) -> QuerySet[List]:
            return selectors.lists_in(self.workspace)

        def create_object(self, data: dict[str, Any]) -> List:
            return services.create_list(workspace=self.workspace, **data)

        def update_object(self, instance: List, data: dict[str, Any]) -> List:
            return services.update_list(instance, **data)

        def delete_object(self, instance: List) -> None:
            services.delete_list(instance)
"""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.db.models import Model
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from team.access import Capability, MemberRequest
from team.models import User, Workspace
from team.scopes import RESOURCE_NAMES


class WorkspaceViewSet[ModelT: Model](GenericViewSet[ModelT]):
    """A viewset that sees one workspace, the token's or the member's current one.

    `scope` is a resource of `team.scopes`. Its queryset comes from a selector given `self.workspace`, so that the ids of
    other workspaces are a 404 like any unknown one. `capabilities` asks members for another capability per action (for
    example `{"launch": Capability.SEND}`); `read_actions` names POST actions that change nothing (for example `render`).
    Where `shared` names the model, a share of the object opens the actions on one object to members whose role doesn't;
    not those in `role_actions`.
    """

    scope: ClassVar[str]
    write_capability: ClassVar[Capability] = Capability.EDIT
    capabilities: ClassVar[Mapping[str, Capability]] = {}
    read_actions: ClassVar[frozenset[str]] = frozenset()
    shared: ClassVar[type[Model] | None] = None
    role_actions: ClassVar[frozenset[str]] = frozenset({"destroy", "duplicate"})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        scope = getattr(cls, "scope", None)
        if scope is not None and scope not in RESOURCE_NAMES:
            raise TypeError(f"{cls.__name__}.scope is {scope!r}, not one of {', '.join(sorted(RESOURCE_NAMES))}.")

    @property
    def workspace(self) -> Workspace:
        """The workspace that this request is about."""
        if getattr(self, "swagger_fake_view", False):  # the schema is made without a request
            return Workspace(pk=0)
        return cast("MemberRequest", self.request).workspace

    @property
    def actor_label(self) -> str:
        """Who is asking, as the audit trail names them: "user:1" or "token:2"."""
        return cast("MemberRequest", self.request).actor_label

    @property
    def actor_user(self) -> User | None:
        """The member who is asking, or who made the token; None when that person's account is gone."""
        user = self.request.user
        return user if user.is_authenticated else None


class ReadMixin(mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """GET of the list, in cursor pages, and of one object."""


class CreateMixin:
    """POST to the list: `create_object(data)` calls the service and returns what it made; 201."""

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        view = cast("GenericViewSet[Model]", self)
        serializer = view.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = self.create_object(dict(serializer.validated_data))
        return Response(view.get_serializer(made).data, status=status.HTTP_201_CREATED)

    def create_object(self, data: dict[str, Any]) -> Any:
        """Call the service with the validated data and return the new object."""
        raise NotImplementedError


class UpdateMixin:
    """PATCH (and PUT) of one object: `update_object(instance, data)` calls the service and returns the object as it is now."""

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        view = cast("GenericViewSet[Model]", self)
        instance = view.get_object()
        serializer = view.get_serializer(instance, data=request.data, partial=kwargs.get("partial", False))
        serializer.is_valid(raise_exception=True)
        changed = self.update_object(instance, dict(serializer.validated_data))
        return Response(view.get_serializer(changed).data)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.update(request, *args, **{**kwargs, "partial": True})

    def update_object(self, instance: Any, data: dict[str, Any]) -> Any:
        """Call the service with what was given and return the changed object."""
        raise NotImplementedError


class DeleteMixin:
    """DELETE of one object: `delete_object(instance)` calls the service; 204."""

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.delete_object(cast("GenericViewSet[Model]", self).get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def delete_object(self, instance: Any) -> None:
        """Call the service."""
        raise NotImplementedError
