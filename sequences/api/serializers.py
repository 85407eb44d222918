from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from sequences.models import (
    Decision,
    Enrolment,
    EnrolmentState,
    Intervention,
    OutboxItem,
    OutboxState,
    Sequence,
    StepKind,
)
from sequences.services import MOST_AT_ONCE, stamp_of
from sequences.simulation import Basis, Route

STATES = [state.name.lower() for state in EnrolmentState]
OUTBOX_STATES = [state.name.lower() for state in OutboxState]


@extend_schema_serializer(component_name="SequenceStep")
class StepSerializer(serializers.Serializer[Any]):
    """One step of the document; the settings of its kind stand beside these (docs/reference/sequences.md)."""

    key = serializers.CharField()
    kind = serializers.ChoiceField(choices=StepKind.choices)
    wait = serializers.CharField(required=False, help_text="An ISO 8601 duration, for a plain wait.")
    template = serializers.IntegerField(required=False, allow_null=True)
    template_version = serializers.IntegerField(required=False, allow_null=True)
    subject = serializers.CharField(required=False, help_text="The step's own, or its template's.")
    lanes = serializers.DictField(child=serializers.ListField(child=serializers.DictField()), required=False)


class ProblemSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="The step's key.")
    code = serializers.CharField()
    message = serializers.CharField()
    field = serializers.CharField(help_text="The setting to mend; empty when it is the step's place.")


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """A lane that was taken, or, with an empty `lane`, what an action did."""

    class Meta:
        model = Decision
        fields = ["step_key", "rotation", "lane", "inputs", "decided_at"]
        read_only_fields = fields


class OutboxItemSerializer(serializers.ModelSerializer[OutboxItem]):
    """What an action tells others: `target` is the URL, or the id of the member's user."""

    state = serializers.SerializerMethodField()

    class Meta:
        model = OutboxItem
        fields = ["step_key", "rotation", "kind", "target", "state", "attempts", "status", "error"]
        fields += ["created_at", "due_at", "finished_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=OUTBOX_STATES))
    def get_state(self, item: OutboxItem) -> str:
        return OutboxState(item.state).name.lower()


class SecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="As Standard Webhooks has it: whsec_ and base64.")


class SequenceSerializer(serializers.ModelSerializer[Sequence]):
    """A sequence: the steps that contacts go through.  It is made and changed through its campaign, but for its rules."""

    version = serializers.IntegerField(source="live_version.number", default=None, read_only=True)
    exit_filter = serializers.DictField(
        required=False, help_text="Who leaves before an email goes, as a segment has it."
    )

    class Meta:
        model = Sequence
        fields = ["id", "name", "state", "version", "on_reply", "exit_filter", "created_at", "closed_at"]
        read_only_fields = ["id", "name", "state", "created_at", "closed_at"]


class ContactReference(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    email = serializers.CharField()


class EnrolmentSerializer(serializers.ModelSerializer[Enrolment]):
    """One contact on its way through a sequence."""

    contact = ContactReference(read_only=True)
    state = serializers.SerializerMethodField()
    seen = serializers.SerializerMethodField(
        help_text="A mark of where they stand: a deed given another one is refused."
    )

    class Meta:
        model = Enrolment
        fields = ["id", "sequence", "contact", "mailbox", "step_key", "rotation", "state", "reason"]
        fields += ["enrolled_at", "entered_step_at", "due_at", "seen"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, enrolment: Enrolment) -> str:
        return EnrolmentState(enrolment.state).name.lower()

    def get_seen(self, enrolment: Enrolment) -> str:
        return stamp_of(enrolment.step_key, enrolment.rotation, enrolment.state)


class SeenSerializer(serializers.Serializer[Any]):
    """What is done by hand to one enrolment."""

    seen = serializers.CharField(
        required=False, max_length=60, help_text="The enrolment's `seen`: refused (409) if they stand elsewhere by now."
    )


class MoveSerializer(SeenSerializer):
    to = serializers.CharField(max_length=20, help_text="The key of the step to move to.")


class DeedSerializer(serializers.Serializer[Any]):
    """What is done by hand to many."""

    deed = serializers.ChoiceField(choices=Intervention.Deed.choices)
    enrolments = serializers.ListField(child=serializers.IntegerField(min_value=1), max_length=MOST_AT_ONCE)
    to = serializers.CharField(required=False, max_length=20, help_text="For `move`: the key of the step.")
    seen = serializers.DictField(
        child=serializers.CharField(max_length=60),
        required=False,
        help_text="The `seen` of enrolments by their id; who stands elsewhere by now is passed over.",
    )


class PassedOverSerializer(serializers.Serializer[Any]):
    enrolment = serializers.IntegerField()
    why = serializers.CharField()


class DoneSerializer(serializers.Serializer[Any]):
    """What came of a deed."""

    intervention = serializers.IntegerField(help_text="Take it back with `people/undo/`.")
    changed = serializers.IntegerField()
    passed_over = PassedOverSerializer(many=True)


class UndoSerializer(serializers.Serializer[Any]):
    intervention = serializers.IntegerField(min_value=1)


class UndoneSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField()


class HappeningSerializer(serializers.Serializer[Any]):
    """One thing on somebody's way."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField()
    step_key = serializers.CharField()
    rotation = serializers.IntegerField()
    message = serializers.IntegerField(allow_null=True)


class StepPeopleSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField(help_text="The step in words.")
    people = serializers.IntegerField()


class EndedSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=["completed", "stopped"])
    reason = serializers.CharField(help_text="Empty: came to the end.")
    people = serializers.IntegerField()


class PeopleSerializer(serializers.Serializer[Any]):
    """Who is where."""

    on_the_way = serializers.IntegerField()
    held = serializers.IntegerField(help_text="Of those on the way.")
    completed = serializers.IntegerField()
    stopped = serializers.IntegerField()
    steps = StepPeopleSerializer(many=True)
    ended = EndedSerializer(many=True)


class MadeUpSerializer(serializers.Serializer[Any]):
    """Somebody who is made up for a simulation."""

    email = serializers.CharField(required=False, max_length=320)
    first_name = serializers.CharField(required=False, allow_blank=True)
    last_name = serializers.CharField(required=False, allow_blank=True)
    company = serializers.CharField(required=False, allow_blank=True)
    locale = serializers.CharField(required=False, allow_blank=True)
    time_zone = serializers.CharField(required=False, allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    attributes = serializers.DictField(required=False, help_text="Values of custom fields by their key.")
    lists = serializers.ListField(child=serializers.IntegerField(min_value=1), required=False)


class SimulationSerializer(serializers.Serializer[Any]):
    """Who goes through which steps, from when, and what happens on the way."""

    version = serializers.CharField(
        required=False,
        default="",
        max_length=10,
        help_text="draft, live or a number; without it the draft if there is one.",
    )
    contact = serializers.IntegerField(required=False, min_value=1, help_text="A contact as it is now.")
    person = MadeUpSerializer(required=False, help_text="Or somebody made up.")
    start = serializers.DateTimeField(required=False, help_text="When they enter; without it now.")
    mailbox = serializers.IntegerField(required=False, min_value=1, help_text="Without it the campaign's first.")
    outcomes = serializers.DictField(
        child=serializers.CharField(max_length=20),
        required=False,
        help_text="The lane that is taken at a step, by its key; `key:1` is for the second round alone. Of an email under test the letter of a version.",
    )
    seed = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=2**53,
        help_text="Draws what isn't known or chosen; without it the usual.",
    )
    reacts_after = serializers.DurationField(
        required=False,
        min_value=timedelta(0),
        max_value=timedelta(days=365),
        help_text="How long they take who react, without a seed; an hour if not given.",
    )


class HoldSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    sentence = serializers.CharField()
    until = serializers.DateTimeField()


class SimulatedMailSerializer(serializers.Serializer[Any]):
    subject = serializers.CharField()
    preheader = serializers.CharField()
    from_name = serializers.CharField(help_text="The sender's name of a tested version; empty: the mailbox's.")
    due_at = serializers.DateTimeField()
    leaves_at = serializers.DateTimeField()
    holds = HoldSerializer(many=True, help_text="What keeps it from leaving when it is due, in order.")
    problem = serializers.CharField(help_text="Why it can't be made for this person; empty if it can.")


class RouteSerializer(serializers.Serializer[Any]):
    lane = serializers.CharField(help_text="Of an email under test the letter of its version.")
    basis = serializers.ChoiceField(choices=[basis.value for basis in Basis])
    sentence = serializers.CharField()
    lanes = serializers.SerializerMethodField()
    happens_at = serializers.DateTimeField(allow_null=True, help_text="When they react, or the event happens.")

    def get_lanes(self, route: Route) -> list[str]:
        return [name for name, _ in route.options]


class StageSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    kind = serializers.ChoiceField(choices=StepKind.choices)
    name = serializers.CharField(source="label")
    rotation = serializers.IntegerField()
    entered_at = serializers.DateTimeField()
    left_at = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField()
    mail = SimulatedMailSerializer(allow_null=True)
    route = RouteSerializer(allow_null=True)


class StorySerializer(serializers.Serializer[Any]):
    """What would become of them; nothing was sent."""

    start = serializers.DateTimeField()
    time_zone = serializers.CharField(help_text="By whose clock they live.")
    ending = serializers.ChoiceField(choices=["completed", "exit", "exit_filter", "goal", "cut"])
    ended_at = serializers.DateTimeField()
    stages = StageSerializer(many=True)
    warnings = serializers.ListField(child=serializers.CharField())


class TestRunSerializer(SimulationSerializer):
    """Whose way is tested, to whom every email of it goes, and how far apart."""

    to = serializers.ListField(
        child=serializers.EmailField(),
        required=False,
        max_length=5,
        help_text="Members of the team; without it you alone.",
    )
    gap = serializers.DurationField(
        required=False,
        min_value=timedelta(0),
        max_value=timedelta(hours=24),
        help_text="Between two emails; a minute if not given.",
    )


class RunSerializer(serializers.Serializer[Any]):
    run = serializers.CharField(max_length=32)


class RunMessageSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    to = serializers.CharField(source="to_email")
    subject = serializers.CharField(source="mailing.subject", help_text="As written, with its merge fields.")
    state = serializers.CharField(source="get_state_display")
    due_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)


class RunProgressSerializer(serializers.Serializer[Any]):
    """How far a test run is."""

    run = serializers.CharField(source="key")
    waiting = serializers.IntegerField()
    sent = serializers.IntegerField()
    next_at = serializers.DateTimeField(allow_null=True)
    messages = RunMessageSerializer(many=True)
