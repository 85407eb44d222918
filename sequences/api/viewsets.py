from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.selectors import ContactFilter, contact_in, find_contacts
from core import clock
from core.exceptions import InvalidInput
from delivery.models import Mailbox
from delivery.selectors import mailbox_in
from sequences import selectors, services
from sequences.api.serializers import (
    STATES,
    DecisionSerializer,
    DeedSerializer,
    DoneSerializer,
    EnrolmentSerializer,
    HappeningSerializer,
    MoveSerializer,
    OutboxItemSerializer,
    PeopleSerializer,
    ProblemSerializer,
    RunProgressSerializer,
    RunSerializer,
    SecretSerializer,
    SeenSerializer,
    SequenceSerializer,
    SimulationSerializer,
    StepSerializer,
    StorySerializer,
    TestRunSerializer,
    UndoneSerializer,
    UndoSerializer,
)
from sequences.api.versions import VersionActions
from sequences.history import as_dict, history_of
from sequences.models import OPEN_STATES, Enrolment, EnrolmentState, Intervention, Sequence
from sequences.people import count_people
from sequences.simulation import SOON, Outcomes, Person, Story, made_up_person, person_of
from team.access import Capability
from team.api.base import ReadMixin, UpdateMixin, WorkspaceViewSet


class SequenceViewSet(ReadMixin, UpdateMixin, VersionActions):
    """Sequences: read, and edited while they run."""

    scope = "campaigns"
    serializer_class = SequenceSerializer
    read_actions = frozenset({"publish_preview", "simulate"})
    capabilities = {**VersionActions.version_capabilities, "intervene": Capability.SEND, "undo": Capability.SEND}

    def get_queryset(self) -> QuerySet[Sequence]:
        return selectors.sequences_in(self.workspace)

    def update_object(self, instance: Sequence, data: dict[str, Any]) -> Sequence:
        return services.update_rules(instance, **data)

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

    @extend_schema(responses=PeopleSerializer)
    @action(detail=True, methods=["get"])
    def people(self, request: Request, pk: str) -> Response:
        """Who is where: how many people stand at each step, and how ways ended."""
        sequence = self.get_object()
        counts = count_people(sequence)
        labels = selectors.labels_in(sequence, counts.open)
        return Response(
            {
                "on_the_way": counts.on_the_way,
                "held": counts.held,
                "completed": counts.completed,
                "stopped": counts.stopped,
                "steps": [{"key": key, "name": labels[key], "people": counts.open.get(key, 0)} for key in labels],
                "ended": [
                    {"state": state.name.lower(), "reason": reason, "people": count}
                    for (state, reason), count in sorted(counts.ended.items())
                ],
            }
        )

    @extend_schema(request=DeedSerializer, responses=DoneSerializer)
    @people.mapping.post
    def intervene(self, request: Request, pk: str) -> Response:
        """Move, let skip a wait, stop or start again up to 10,000 people at once.

        Whoever can't be changed is passed over, with the reason; 409 when it is everybody.
        """
        sequence = self.get_object()
        serializer = DeedSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(DoneSerializer(_do(sequence, serializer.validated_data)).data)

    @extend_schema(request=UndoSerializer, responses=UndoneSerializer)
    @action(detail=True, methods=["post"], url_path="people/undo")
    def undo(self, request: Request, pk: str) -> Response:
        """Take a deed back for everybody who stands where it has put them; 409 when nobody does any more."""
        sequence = self.get_object()
        serializer = UndoSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        intervention = selectors.intervention_in(sequence, serializer.validated_data["intervention"])
        return Response({"changed": services.undo_intervention(intervention)})

    @extend_schema(request=None, responses=SecretSerializer)
    @action(detail=False, methods=["post"], url_path="webhook-secret", pagination_class=None)
    def webhook_secret(self, request: Request) -> Response:
        """Show the secret that webhooks of this workspace's sequences are signed with, by the rules of Standard Webhooks."""
        return Response({"secret": selectors.webhook_secret(self.workspace)})

    @extend_schema(request=SimulationSerializer, responses=StorySerializer)
    @action(detail=True, methods=["post"])
    def simulate(self, request: Request, pk: str) -> Response:
        """What would become of a contact, or of somebody made up: every step with its exact time.  Nothing is sent or written."""
        sequence = self.get_object()
        serializer = SimulationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        return Response(StorySerializer(self._story(sequence, data, self._person(data))).data)

    @extend_schema(request=TestRunSerializer, responses=RunProgressSerializer)
    @action(detail=True, methods=["post"], url_path="test-run")
    def test_run(self, request: Request, pk: str) -> Response:
        """Send every email of the way that `simulate` shows to members of the team, as tests that count nowhere."""
        sequence = self.get_object()
        serializer = TestRunSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        person = self._person(data)
        own = [self.actor_user.email] if self.actor_user else []
        run = services.start_test_run(
            sequence=sequence,
            version=services.version_called(sequence, data["version"]),
            story=self._story(sequence, data, person),
            person=person,
            to=data.get("to") or own,
            gap=data.get("gap", services.USUAL_GAP),
            mailbox=self._mailbox(data),
        )
        return Response(RunProgressSerializer(services.find_test_run(sequence, run)).data)

    @extend_schema(responses=RunProgressSerializer, parameters=[OpenApiParameter("run", str, required=True)])
    @test_run.mapping.get
    def test_run_progress(self, request: Request, pk: str) -> Response:
        """How far a test run is."""
        run = services.find_test_run(self.get_object(), request.query_params.get("run", ""))
        return Response(RunProgressSerializer(run).data)

    @extend_schema(request=RunSerializer, responses=RunProgressSerializer)
    @action(detail=True, methods=["post"], url_path="test-run/stop")
    def stop_test_run(self, request: Request, pk: str) -> Response:
        """Cancel what of a test run has not left yet."""
        sequence = self.get_object()
        serializer = RunSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        run = serializer.validated_data["run"]
        services.stop_test_run(sequence, run)
        return Response(RunProgressSerializer(services.find_test_run(sequence, run)).data)

    def _story(self, sequence: Sequence, data: Mapping[str, Any], person: Person) -> Story:
        return services.simulate_sequence(
            sequence=sequence,
            person=person,
            version=services.version_called(sequence, data["version"]),
            start=data.get("start") or clock.now(),
            mailbox=self._mailbox(data),
            outcomes=Outcomes(seed=data.get("seed"), reacts_after=data.get("reacts_after", SOON)),
            chosen=data.get("outcomes", {}),
        )

    def _mailbox(self, data: Mapping[str, Any]) -> Mailbox | None:
        return mailbox_in(self.workspace, data["mailbox"]) if "mailbox" in data else None

    def _person(self, data: Mapping[str, Any]) -> Person:
        if "contact" in data:
            contact = contact_in(self.workspace, data["contact"])
            contact.workspace = self.workspace
            return person_of(contact)
        given = dict(data.get("person", {}))
        return made_up_person(self.workspace, list_ids=given.pop("lists", []), given=given)


def _do(sequence: Sequence, data: Mapping[str, Any]) -> dict[str, Any]:
    """Call the service of a deed and return what came of it."""
    seen = {int(pk): mark for pk, mark in data.get("seen", {}).items() if pk.isdecimal()}
    ids = data["enrolments"]
    match data["deed"]:
        case Intervention.Deed.MOVE:
            if not data.get("to"):
                raise InvalidInput("Choose a step.", fields={"to": ["Choose a step."]})
            done = services.move_people(sequence=sequence, enrolment_ids=ids, to=data["to"], seen=seen)
        case Intervention.Deed.SKIP:
            done = services.skip_waits(sequence=sequence, enrolment_ids=ids, seen=seen)
        case Intervention.Deed.STOP:
            done = services.stop_people(sequence=sequence, enrolment_ids=ids, seen=seen)
        case _:
            done = services.restart_people(sequence=sequence, enrolment_ids=ids, seen=seen)
    passed_over = [{"enrolment": pk, "why": why} for pk, why in done.passed_over.items()]
    return {"intervention": done.intervention.pk, "changed": done.changed, "passed_over": passed_over}


class EnrolmentViewSet(ReadMixin, WorkspaceViewSet[Enrolment]):
    """Who is on the way through which sequence.

    The enrolments of a campaign of one email go when it is complete; its messages keep the facts.
    """

    scope = "campaigns"
    serializer_class = EnrolmentSerializer
    capabilities = {"move": Capability.SEND, "skip": Capability.SEND, "restart": Capability.SEND}

    @extend_schema(request=MoveSerializer, responses=EnrolmentSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Put the contact on another step, as if they came there now; backwards begins a new round."""
        serializer = MoveSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self._deed(Intervention.Deed.MOVE, serializer.validated_data)

    @extend_schema(request=SeenSerializer, responses=EnrolmentSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str) -> Response:
        """Let the contact go on from the wait at which they stand; 409 where they stand at none."""
        return self._deed(Intervention.Deed.SKIP, self._seen(request))

    @extend_schema(request=SeenSerializer, responses=EnrolmentSerializer)
    @action(detail=True, methods=["post"])
    def restart(self, request: Request, pk: str) -> Response:
        """Let the contact begin anew, in a new round, also after their way has ended."""
        return self._deed(Intervention.Deed.RESTART, self._seen(request))

    @extend_schema(request=SeenSerializer, responses=EnrolmentSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """End the contact's way here, and cancel its mail that waits; one that has ended stays as it is."""
        enrolment = self.get_object()
        if enrolment.state not in OPEN_STATES:
            return Response(self.get_serializer(enrolment).data)
        return self._deed(Intervention.Deed.STOP, self._seen(request))

    def _seen(self, request: Request) -> Mapping[str, Any]:
        # These deeds need no body, so one of another type is none.
        serializer = SeenSerializer(data=request.data if request.content_type == "application/json" else {})
        serializer.is_valid(raise_exception=True)
        found: Mapping[str, Any] = serializer.validated_data
        return found

    def _deed(self, deed: str, data: Mapping[str, Any]) -> Response:
        enrolment = self.get_object()
        seen = {str(enrolment.pk): data["seen"]} if "seen" in data else {}
        _do(enrolment.sequence, {**data, "deed": deed, "enrolments": [enrolment.pk], "seen": seen})
        enrolment.refresh_from_db()
        return Response(self.get_serializer(enrolment).data)

    @extend_schema(responses=HappeningSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def history(self, request: Request, pk: str) -> Response:
        """What happened on the contact's way: entering, emails, decisions, events, deeds by hand; newest first, at most 200."""
        return Response([as_dict(happening) for happening in history_of(self.get_object())])

    @extend_schema(responses=DecisionSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def decisions(self, request: Request, pk: str) -> Response:
        """Which lanes the contact took, and from what that was decided, oldest first."""
        return Response(DecisionSerializer(selectors.decisions_of(self.get_object()), many=True).data)

    @extend_schema(responses=OutboxItemSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def outbox(self, request: Request, pk: str) -> Response:
        """What the contact's actions told others (webhooks, mails to the team), and what came of it, oldest first."""
        return Response(OutboxItemSerializer(selectors.outbox_of(self.get_object()), many=True).data)

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
        for name, column in (("step", "step_key"), ("reason", "reason")):
            if value := query.get(name):
                enrolments = enrolments.filter(**{column: value})
        if words := query.get("q"):
            enrolments = enrolments.filter(
                contact__in=find_contacts(self.workspace, ContactFilter(query=words)).values("pk")
            )
        return enrolments

    @extend_schema(
        parameters=[
            OpenApiParameter("sequence", int, description="Only those of one sequence."),
            OpenApiParameter("contact", int, description="Only those of one contact."),
            OpenApiParameter("state", str, enum=STATES),
            OpenApiParameter("step", str, description="Only those who stand at (or ended at) the step with this key."),
            OpenApiParameter("reason", str, description="Only those who ended, or are held, for this reason."),
            OpenApiParameter("q", str, description="Words of the contact's address, name or company."),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)
