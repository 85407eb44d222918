from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.exceptions import InvalidInput
from sequences import selectors, services
from sequences.api.serializers import (
    STATES,
    DecisionSerializer,
    EnrolmentSerializer,
    ProblemSerializer,
    SequenceSerializer,
    StepSerializer,
)
from sequences.models import Enrolment, EnrolmentState, Sequence
from team.api.base import ReadMixin, WorkspaceViewSet


class SequenceViewSet(ReadMixin, WorkspaceViewSet[Sequence]):
    """Sequences, read only."""

    scope = "campaigns"
    serializer_class = SequenceSerializer

    def get_queryset(self) -> QuerySet[Sequence]:
        return selectors.sequences_in(self.workspace)

    @extend_schema(responses=StepSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def steps(self, request: Request, pk: str) -> Response:
        """The sequence's steps as one document: a branch holds the steps of its lanes.  A campaign takes it as `steps`."""
        version = selectors.shown_version(self.get_object())
        return Response(selectors.document_of(selectors.steps_of(version)) if version else [])

    @extend_schema(responses=ProblemSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def problems(self, request: Request, pk: str) -> Response:
        """What keeps the steps from being launched, step by step."""
        return Response(ProblemSerializer(services.problems_of(self.get_object()), many=True).data)


class EnrolmentViewSet(ReadMixin, WorkspaceViewSet[Enrolment]):
    """Who is on the way through which sequence.

    The enrolments of a campaign of one email go when it is complete; its messages keep the facts.
    """

    scope = "campaigns"
    serializer_class = EnrolmentSerializer

    @extend_schema(request=None, responses=EnrolmentSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """End the contact's way here, and cancel its mail that waits; one that has ended stays as it is."""
        enrolment = self.get_object()
        services.stop_enrolment(enrolment)
        return Response(self.get_serializer(enrolment).data)

    @extend_schema(responses=DecisionSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def decisions(self, request: Request, pk: str) -> Response:
        """Which lanes the contact took, and from what that was decided, oldest first."""
        return Response(DecisionSerializer(selectors.decisions_of(self.get_object()), many=True).data)

    def get_queryset(self) -> QuerySet[Enrolment]:
        enrolments = selectors.enrolments_in(self.workspace)
        if self.action != "list":
            return enrolments
        query = self.request.query_params
        for name in ("sequence", "contact"):
            if value := query.get(name):
                if not value.isdecimal():
                    raise InvalidInput(f"{name} is an id.", fields={name: ["Give an id."]})
                enrolments = enrolments.filter(**{f"{name}_id": int(value)})
        if state := query.get("state"):
            if state not in STATES:
                raise InvalidInput("There is no such state.", fields={"state": [f"One of {', '.join(STATES)}."]})
            enrolments = enrolments.filter(state=EnrolmentState[state.upper()])
        return enrolments

    @extend_schema(
        parameters=[
            OpenApiParameter("sequence", int, description="Only those of one sequence."),
            OpenApiParameter("contact", int, description="Only those of one contact."),
            OpenApiParameter("state", str, enum=STATES),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)
