from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from sequences.models import Decision, Enrolment, EnrolmentState, Sequence, StepKind

STATES = [state.name.lower() for state in EnrolmentState]


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
    class Meta:
        model = Decision
        fields = ["step_key", "rotation", "lane", "inputs", "decided_at"]
        read_only_fields = fields


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

    class Meta:
        model = Enrolment
        fields = ["id", "sequence", "contact", "mailbox", "step_key", "rotation", "state", "reason"]
        fields += ["enrolled_at", "entered_step_at", "due_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, enrolment: Enrolment) -> str:
        return EnrolmentState(enrolment.state).name.lower()
