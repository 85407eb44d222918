"""A/B tests by the API: put to an email of a campaign's draft, planned, and decided on."""

from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from abtests import selectors as tests
from abtests import services as abtests
from abtests.exceptions import ExperimentError
from abtests.models import Experiment, Variant
from campaigns import selectors, services
from campaigns.api import experiment_serializers as serializers
from campaigns.audience import size_of
from campaigns.models import Campaign
from contacts.exceptions import InvalidSegment
from core import clock
from core.exceptions import InvalidInput, NotFound
from sequences import selectors as sequence_reads
from sequences import services as sequences
from sequences.models import Step
from team.access import Capability
from team.api.base import CreateMixin, DeleteMixin, ReadMixin, UpdateMixin, WorkspaceViewSet
from templates_lib import selectors as templates

DECISIONS = ("pause", "resume", "stop", "stop_arm", "choose_winner")


class ExperimentViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[Experiment]):
    """A/B tests of the emails of campaigns.  A test starts with its campaign's launch (or the publication of its step).

    Only a planned test can be changed or deleted; a call that the state forbids is a 409 that says why.
    """

    scope = "campaigns"
    serializer_class = serializers.ExperimentSerializer
    capabilities = dict.fromkeys(DECISIONS, Capability.SEND)
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[Experiment]:
        steps = Step.objects.filter(experiment=OuterRef("pk"), version__sequence__campaign__isnull=False)
        newest = steps.order_by("-version__number")
        found = tests.experiments_in(self.workspace).prefetch_related("variants__template_version")
        found = found.annotate(
            step_key=Subquery(newest.values("key")[:1]),
            campaign_id=Subquery(newest.values(campaign=F("version__sequence__campaign"))[:1]),
        )
        # A planned test that was taken from its email is there for the builder's undo alone.
        found = found.filter(Q(step_key__isnull=False) | ~Q(state=Experiment.State.PLANNED))
        return self._filtered(found) if self.action == "list" else found

    def _filtered(self, found: QuerySet[Experiment]) -> QuerySet[Experiment]:
        query = serializers.ExperimentQuerySerializer(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        names = {"state": "state", "campaign": "campaign_id"}
        return found.filter(**{names[name]: value for name, value in query.validated_data.items()})

    @extend_schema(parameters=[serializers.ExperimentQuerySerializer])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The workspace's tests, newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=serializers.NewExperimentSerializer, responses={201: serializers.ExperimentSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Plan a test of an email of a draft.

        The first version is the email as it is; `variants` are the others, one of which may be given later.
        """
        made = self.create_object(self._given(serializers.NewExperimentSerializer))
        return Response(self.get_serializer(made).data, status=201)

    @transaction.atomic
    def create_object(self, data: dict[str, Any]) -> Experiment:
        campaign = selectors.campaigns_in(self.workspace).filter(pk=data.pop("campaign")).first()
        if campaign is None:
            message = "There is no such campaign."
            raise InvalidInput(message, fields={"campaign": [message]})
        key = services.email_of(campaign, data.pop("step", "")).key
        others = data.pop("variants", [])
        made = sequences.add_experiment(
            campaign.sequence, key=key, name=data.pop("name", "").strip(), user=self.actor_user
        )
        abtests.update_experiment(made, **data)
        for place, other in enumerate(others):
            content = self._content(other, f"variants.{place}.")
            if place == 0:
                abtests.update_variant(tests.variants_of(made)[1], **content)
            else:
                abtests.add_variant(made, **content)
        return self._fresh(made)

    def update_object(self, instance: Experiment, data: dict[str, Any]) -> Experiment:
        abtests.update_experiment(instance, **data)
        return self._fresh(instance)

    def delete_object(self, instance: Experiment) -> None:
        step = sequence_reads.experiment_step(instance)
        if instance.state != Experiment.State.PLANNED or step is None:
            raise ExperimentError("Only a planned test can be deleted; stop one that runs.")
        sequences.remove_experiment(step.version.sequence, key=step.key, user=self.actor_user)

    @extend_schema(request=serializers.VariantSerializer, responses={201: serializers.VariantSerializer})
    @action(detail=True, methods=["post"])
    def variants(self, request: Request, pk: str) -> Response:
        """Add a version."""
        content = self._content(self._given(serializers.VariantSerializer))
        made = abtests.add_variant(self.get_object(), **content)
        return Response(serializers.VariantSerializer(made).data, status=201)

    @extend_schema(methods=["PATCH"], request=serializers.VariantSerializer, responses=serializers.VariantSerializer)
    @extend_schema(methods=["DELETE"], request=None, responses={204: None})
    @extend_schema(parameters=[OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH)])
    @action(detail=True, methods=["patch", "delete"], url_path=r"variants/(?P<number>[0-9]{1,3})")
    def variant(self, request: Request, pk: str, number: str) -> Response:
        """Change or remove a version, by its number from 1 (the control).  Those behind a removed one move up."""
        variant = self._variant(self.get_object(), int(number))
        if request.method == "DELETE":
            abtests.remove_variant(variant)
            return Response(status=204)
        abtests.update_variant(variant, **self._content(self._given(serializers.VariantSerializer)))
        variant.refresh_from_db()
        return Response(serializers.VariantSerializer(variant).data)

    @extend_schema(request=serializers.FactorsSerializer, responses=serializers.ExperimentSerializer)
    @action(detail=True, methods=["post"])
    def factors(self, request: Request, pk: str) -> Response:
        """Say what is tested, and in which ways: of several dimensions every combination becomes a version."""
        given = self._given(serializers.FactorsSerializer)
        experiment = self.get_object()
        levels = serializers.levels_of(given["levels"], lambda pk, path: self._template_version(pk, path))
        abtests.set_factors(experiment, dimensions=given["dimensions"], levels=levels)
        return self._answer(experiment)

    @extend_schema(request=None, responses=serializers.ExperimentSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Send no further part and judge nothing for a while."""
        experiment = self.get_object()
        abtests.pause(experiment)
        return self._answer(experiment)

    @extend_schema(request=None, responses=serializers.ExperimentSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let it go on."""
        experiment = self.get_object()
        abtests.resume(experiment)
        return self._answer(experiment)

    @extend_schema(request=None, responses=serializers.ExperimentSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """End it without a winner: the email as it is goes to everybody else."""
        experiment = self.get_object()
        abtests.stop(experiment, by=self.actor_user)
        return self._answer(experiment)

    @extend_schema(request=serializers.ChoiceSerializer, responses=serializers.ExperimentSerializer)
    @action(detail=True, methods=["post"], url_path="stop-arm")
    def stop_arm(self, request: Request, pk: str) -> Response:
        """Give one version to nobody any more; the others go on."""
        number = self._given(serializers.ChoiceSerializer)["variant"]
        experiment = self.get_object()
        abtests.stop_arm(experiment, variant=self._chosen(experiment, number))
        return self._answer(experiment)

    @extend_schema(request=serializers.ChoiceSerializer, responses=serializers.ExperimentSerializer)
    @action(detail=True, methods=["post"], url_path="choose-winner")
    def choose_winner(self, request: Request, pk: str) -> Response:
        """End it by hand, which is recorded as such: the chosen version goes to everybody else."""
        number = self._given(serializers.ChoiceSerializer)["variant"]
        experiment, by = self.get_object(), self.actor_user
        chosen = self._chosen(experiment, number)
        if by is None:
            raise ExperimentError("A winner is chosen by somebody; whoever made the token is gone.")
        abtests.choose_winner(experiment, variant=chosen, by=by)
        return self._answer(experiment)

    @extend_schema(parameters=[serializers.PlanQuerySerializer], responses=serializers.PlanSerializer)
    @action(detail=True, methods=["get"])
    def plan(self, request: Request, pk: str) -> Response:
        """What the test can prove, and what only suggest, with so many recipients (the campaign's audience of now if left out)."""
        query = serializers.PlanQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        experiment = self.get_object()
        audience = query.validated_data.get("audience")
        found = abtests.plan_of(experiment, self._audience(experiment) if audience is None else audience)
        return Response(serializers.PlanSerializer(found).data)

    @extend_schema(responses=serializers.LookSerializer(many=True), operation_id="experiments_looks")
    @action(detail=True, methods=["get"], pagination_class=None)
    def looks(self, request: Request, pk: str) -> Response:
        """Every look with its inputs, in their order, so that each verdict can be made again."""
        return Response([serializers.LookSerializer(look).data for look in tests.looks_at(self.get_object())])

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def results(self, request: Request, pk: str) -> Response:
        """What it has found: rates with intervals, guardrails, chances, looks; as the results page exports it."""
        return Response(abtests.results_document(self.get_object(), now=clock.now()))

    def _audience(self, experiment: Experiment) -> int:
        campaign = Campaign.objects.filter(pk=getattr(experiment, "campaign_id", None) or 0).first()
        try:
            return size_of(campaign).recipients if campaign is not None else 0
        except InvalidSegment as error:
            raise InvalidInput(error.message, fields={"audience": [error.message]}) from error

    def _content(self, given: dict[str, Any], path: str = "") -> dict[str, Any]:
        content = dict(given)
        if "template" in content:
            content["template_version"] = self._template_version(content.pop("template"), f"{path}template")
        return content

    def _template_version(self, template_id: int | None, path: str) -> Any:
        """Return the template's current version: what is checked is what is sent."""
        if template_id is None:
            return None
        template = templates.templates_in(self.workspace).filter(pk=template_id).first()
        if template is None or template.current_version is None:
            message = f"This workspace has no template {template_id} with content."
            raise InvalidInput(message, fields={path: [message]})
        return template.current_version

    def _variant(self, experiment: Experiment, number: int) -> Variant:
        variants = tests.variants_of(experiment)
        if not 1 <= number <= len(variants):
            raise NotFound("This test has no such version.")
        return variants[number - 1]

    def _chosen(self, experiment: Experiment, number: int) -> Variant:
        try:
            return self._variant(experiment, number)
        except NotFound as error:
            raise InvalidInput(error.message, fields={"variant": [error.message]}) from error

    def _given(self, serializer_class: type[Serializer[Any]]) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def _fresh(self, experiment: Experiment) -> Experiment:
        return self.get_queryset().get(pk=experiment.pk)

    def _answer(self, experiment: Experiment) -> Response:
        return Response(self.get_serializer(self._fresh(experiment)).data)
