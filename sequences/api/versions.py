"""Editing a sequence that is under way: its draft, its versions, and publishing."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from core.exceptions import InvalidInput, NotFound
from sequences import selectors, services
from sequences.api.version_serializers import (
    DiffSerializer,
    DraftChangeSerializer,
    PreviewRequestSerializer,
    PreviewSerializer,
    PublicationSerializer,
    PublishSerializer,
    RollbackSerializer,
    VersionSerializer,
    WholeVersionSerializer,
)
from sequences.models import Sequence, Version
from team.access import Capability
from team.api.base import WorkspaceViewSet

NUMBER = OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH)


class VersionActions(WorkspaceViewSet[Sequence]):
    """The actions of a sequence that are about its versions."""

    version_capabilities = {"publish": Capability.SEND}

    @extend_schema(responses=WholeVersionSerializer)
    @action(detail=True, methods=["get"])
    def draft(self, request: Request, pk: str) -> Response:
        """The changes that are not published yet; 404 when there are none."""
        return Response(WholeVersionSerializer(_draft(self.get_object())).data)

    @extend_schema(request=None, responses={201: WholeVersionSerializer})
    @draft.mapping.post
    def open_draft(self, request: Request, pk: str) -> Response:
        """Open a draft beside the live version: its steps with the same keys.  One that is open stays as it is."""
        draft = services.open_draft(self.get_object())
        return Response(WholeVersionSerializer(draft).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=DraftChangeSerializer, responses=WholeVersionSerializer)
    @draft.mapping.patch
    def change_draft(self, request: Request, pk: str) -> Response:
        """Give the draft other steps.  Nobody on the way notices before it is published."""
        sequence = self.get_object()
        given = self._given_to(DraftChangeSerializer)
        _draft(sequence)
        services.replace_draft(sequence, steps=given["steps"], revision=given.get("revision"), actor=self.actor_label)
        return Response(WholeVersionSerializer(_draft(sequence)).data)

    @extend_schema(responses={204: None})
    @draft.mapping.delete
    def discard_draft(self, request: Request, pk: str) -> Response:
        """Throw the changes away."""
        services.discard_draft(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=VersionSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        """All versions, the newest first: who published them, when, and how that reached people."""
        found = selectors.versions_of(self.get_object()).select_related("sequence")
        return Response(VersionSerializer(found, many=True).data)

    @extend_schema(parameters=[NUMBER], responses=WholeVersionSerializer)
    @action(detail=True, methods=["get"], url_path=r"versions/(?P<number>[0-9]{1,9})")
    def version(self, request: Request, pk: str, number: str) -> Response:
        """One version with its steps."""
        return Response(WholeVersionSerializer(selectors.version_in(self.get_object(), int(number))).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("from", int, required=True, description="The number of a version."),
            OpenApiParameter("to", int, required=True, description="The number of a version."),
        ],
        responses=DiffSerializer,
    )
    @action(detail=True, methods=["get"])
    def diff(self, request: Request, pk: str) -> Response:
        """What differs between two versions, step by step."""
        sequence = self.get_object()
        before, after = (selectors.version_in(sequence, self._number(name)) for name in ("from", "to"))
        return Response(DiffSerializer(selectors.diff_versions(before, after)).data)

    @extend_schema(request=PreviewRequestSerializer, responses=PreviewSerializer)
    @action(detail=True, methods=["post"], url_path="publish/preview")
    def publish_preview(self, request: Request, pk: str) -> Response:
        """What publishing the draft would do now: who moves, waits, skips or exits.  Changes nothing."""
        sequence = self.get_object()
        given = self._given_to(PreviewRequestSerializer)
        return Response(PreviewSerializer(services.preview_publish(sequence, **given)).data)

    @extend_schema(request=PublishSerializer, responses=PublicationSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """Make the draft the live version, and bring people to it by the policy; `versions/{n}/` shows how far that is."""
        sequence = self.get_object()
        given = self._given_to(PublishSerializer)
        actor = str(self.actor_user) if self.actor_user else self.actor_label
        return Response(PublicationSerializer(services.publish_changes(sequence, by=actor, **given)).data)

    @extend_schema(request=RollbackSerializer, responses={201: WholeVersionSerializer})
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:
        """Make a draft of an older version's steps, to be published like any change; 409 when there is a draft already."""
        sequence = self.get_object()
        draft = services.restore_version(sequence, **self._given_to(RollbackSerializer))
        return Response(WholeVersionSerializer(draft).data, status=status.HTTP_201_CREATED)

    def _given_to(self, serializer_class: type[Serializer[Any]]) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def _number(self, name: str) -> int:
        value = self.request.query_params.get(name, "")
        if not value.isdecimal() or len(value) > 9:
            raise InvalidInput(
                f"“{name}” is the number of a version.", fields={name: ["Give the number of a version."]}
            )
        return int(value)


def _draft(sequence: Sequence) -> Version:
    draft = selectors.draft_version(sequence)
    if draft is None:
        raise NotFound("There is no draft; POST opens one.")
    return draft
