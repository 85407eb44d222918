from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from campaigns import selectors, services
from campaigns.api import serializers
from campaigns.exceptions import CampaignError
from campaigns.lift import lift_of
from campaigns.models import Campaign, SignUpForm, Status
from contacts import selectors as contacts
from core import clock
from core.exceptions import InvalidInput, NotFound
from sequences.models import Step
from team.access import Capability
from team.api.base import CreateMixin, DeleteMixin, ReadMixin, UpdateMixin, WorkspaceViewSet
from team.api.shares import ShareViewSet

RELATIONS = ("lists", "segments", "excluded_lists", "excluded_segments", "mailboxes")


class CampaignViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[Campaign]):
    """Campaigns and their life: draft, scheduled, running, paused, completed, cancelled.

    A call that the state forbids is a 409 that says why.
    """

    scope = "campaigns"
    shared = Campaign
    serializer_class = serializers.CampaignSerializer
    capabilities = dict.fromkeys(
        ("launch", "schedule", "unschedule", "pause", "resume", "cancel", "close"), Capability.SEND
    )
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[Campaign]:
        if self.action != "list":
            return selectors.campaigns_in(self.workspace).select_related("workspace").prefetch_related(*RELATIONS)
        query = self.request.query_params
        status = query.get("status", "")
        if status and status not in Status.values:
            raise InvalidInput("There is no such status.", fields={"status": [f"One of {', '.join(Status.values)}."]})
        return selectors.find_campaigns(self.workspace, query=query.get("q", ""), status=status).prefetch_related(
            *RELATIONS
        )

    @extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="Words in the name or subject."),
            OpenApiParameter("status", str, enum=Status.values),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def create_object(self, data: dict[str, Any]) -> Campaign:
        data.pop("version", None)
        kind = data.pop("kind")
        changes = serializers.changes_of(data, self.workspace, time_zone=self.workspace.time_zone)
        campaign = services.create_campaign(
            workspace=self.workspace, kind=kind, created_by=self.actor_user, name=changes.pop("name", ""), **changes
        )
        return self._fresh(campaign)

    def update_object(self, instance: Campaign, data: dict[str, Any]) -> Campaign:
        version = data.pop("version", None)
        if data.pop("kind", instance.kind) != instance.kind:
            raise InvalidInput("The kind of a campaign can't be changed.", fields={"kind": ["It can't be changed."]})
        changes = serializers.changes_of(data, self.workspace, time_zone=instance.time_zone)
        services.update_campaign(instance, changes=changes, version=version, actor=self.actor_label)
        return self._fresh(instance)

    def delete_object(self, instance: Campaign) -> None:
        services.delete_campaign(instance)

    @extend_schema(methods=["GET"], responses=serializers.CheckSerializer)
    @extend_schema(methods=["POST"], request=None, responses={202: serializers.CheckSerializer})
    @action(detail=True, methods=["get", "post"])
    def check(self, request: Request, pk: str) -> Response:
        """The latest check of the campaign as it is now; POST starts one in the background."""
        campaign = self.get_object()
        if request.method == "POST":
            return Response(serializers.CheckSerializer(services.start_check(campaign)).data, status=202)
        found = selectors.latest_check(campaign)
        if found is None:
            raise NotFound("This version of the campaign has not been checked; POST starts a check.")
        return Response(serializers.CheckSerializer(found).data)

    @extend_schema(parameters=[serializers.LiftQuerySerializer], responses=serializers.LiftSerializer)
    @action(detail=True, methods=["get"])
    def lift(self, request: Request, pk: str) -> Response:
        """What it has brought about, compared with whom it held out."""
        query = serializers.LiftQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        found = lift_of(self.get_object(), now=clock.now(), **query.validated_data)
        return Response(serializers.LiftSerializer(found).data)

    @extend_schema(request=serializers.LaunchSerializer, responses=serializers.CampaignSerializer)
    @action(detail=True, methods=["post"])
    def launch(self, request: Request, pk: str) -> Response:
        """Start it now.  A small audience is checked on the spot; a large one must have been checked before."""
        given = self._given(serializers.LaunchSerializer)
        campaign = self.get_object()
        if campaign.status == Status.DRAFT and campaign.send_at is not None and not given["now"]:
            raise CampaignError(
                "This draft has a time. Call schedule/ to keep it, or launch/ with {“now”: true} to send at once.",
                code="has_schedule",
            )
        services.launch_campaign(campaign, accept_warnings=given["accept_warnings"])
        return self._answer(campaign)

    @extend_schema(request=serializers.ScheduleCallSerializer, responses=serializers.CampaignSerializer)
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, pk: str) -> Response:
        """Have it start by itself at a time."""
        given = self._given(serializers.ScheduleCallSerializer)
        campaign = self.get_object()
        wanted: dict[str, Any] = {"time_zone": given.get("time_zone", "")}
        if "send_at" in given:
            wanted = serializers.schedule_of(given, time_zone=campaign.time_zone)
        services.schedule_campaign(campaign, accept_warnings=given["accept_warnings"], **wanted)
        return self._answer(campaign)

    @extend_schema(request=None, responses=serializers.CampaignSerializer)
    @action(detail=True, methods=["post"])
    def unschedule(self, request: Request, pk: str) -> Response:
        """Make it a draft again, to change it."""
        campaign = self.get_object()
        services.unschedule_campaign(campaign)
        return self._answer(campaign)

    @extend_schema(request=None, responses=serializers.CampaignSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Hold everything that has not left."""
        campaign = self.get_object()
        services.pause_campaign(campaign)
        return self._answer(campaign)

    @extend_schema(request=None, responses=serializers.CampaignSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let it go on."""
        campaign = self.get_object()
        services.resume_campaign(campaign)
        return self._answer(campaign)

    @extend_schema(request=None, responses=serializers.CampaignSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End it for good; what has not left never leaves."""
        campaign = self.get_object()
        services.cancel_campaign(campaign)
        return self._answer(campaign)

    @extend_schema(request=None, responses=serializers.CampaignSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Let nobody into a triggered campaign any more; it completes when all who are on the way are through."""
        campaign = self.get_object()
        services.close_entry(campaign)
        return self._answer(campaign)

    @extend_schema(request=None, responses={201: serializers.CampaignSerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: str) -> Response:
        """Make a new draft like it."""
        copy = services.duplicate_campaign(self.get_object(), created_by=self.actor_user)
        return self._answer(copy, status=201)

    @extend_schema(request=serializers.TestSerializer, responses={202: serializers.TestSentSerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send a test to some addresses; `messages/{id}/` tells what became of each."""
        given = self._given(serializers.TestSerializer)
        campaign = self.get_object()
        contact = contacts.contact_in(self.workspace, given["contact"]) if "contact" in given else None
        ids = services.send_test(campaign, to=given["to"], contact=contact, step=_step(campaign, given.get("step")))
        return Response({"messages": ids}, status=202)

    def _given(self, serializer_class: type[Serializer[Any]]) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def _fresh(self, campaign: Campaign) -> Campaign:
        return selectors.campaigns_in(self.workspace).prefetch_related(*RELATIONS).get(pk=campaign.pk)

    def _answer(self, campaign: Campaign, *, status: int = 200) -> Response:
        return Response(self.get_serializer(self._fresh(campaign)).data, status=status)


class SignUpFormViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[SignUpForm]):
    """Sign-up forms: hosted pages that put people into lists, with double opt-in, and start campaigns."""

    scope = "campaigns"
    serializer_class = serializers.SignUpFormSerializer
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[SignUpForm]:
        return selectors.forms_in(self.workspace).order_by("-id")

    def create_object(self, data: dict[str, Any]) -> SignUpForm:
        return services.save_form(workspace=self.workspace, **data)

    def update_object(self, instance: SignUpForm, data: dict[str, Any]) -> SignUpForm:
        return services.save_form(workspace=self.workspace, form=instance, **data)

    def delete_object(self, instance: SignUpForm) -> None:
        services.delete_form(instance)


class CampaignShareViewSet(ShareViewSet):
    """Who may edit and send one campaign, by role or by a share."""

    def shared_object(self, key: int) -> Campaign:
        return selectors.campaign_in(self.workspace, key)


def _step(campaign: Campaign, key: str | None) -> Step | None:
    if key is None:
        return None
    for step in selectors.emails_of(campaign):
        if step.key == key:
            return step
    raise NotFound("There is no such email.")
