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
    """A sequence: the steps that contacts go through.  It is made and changed through its campaign."""

    version = serializers.IntegerField(source="live_version.number", default=None, read_only=True)

    class Meta:
        model = Sequence
        fields = ["id", "name", "state", "version", "created_at", "closed_at"]
        read_only_fields = fields


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
