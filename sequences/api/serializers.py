from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from sequences.models import Enrolment, EnrolmentState, Sequence, Step
from sequences.services import content_of

STATES = [state.name.lower() for state in EnrolmentState]


@extend_schema_serializer(component_name="SequenceStep")
class StepSerializer(serializers.ModelSerializer[Step]):
    """One step as it stands: an email with its subject and template, or a wait."""

    wait = serializers.DurationField(read_only=True, format="iso-8601")
    template = serializers.IntegerField(source="template_version.template_id", default=None, read_only=True)
    template_version = serializers.IntegerField(source="template_version.number", default=None, read_only=True)
    effective_subject = serializers.SerializerMethodField(help_text="The step's own subject, or its template's.")

    class Meta:
        model = Step
        fields = ["key", "kind", "wait", "template", "template_version", "subject", "preheader", "effective_subject"]
        fields += ["format", "source", "text_source"]
        read_only_fields = fields

    def get_effective_subject(self, step: Step) -> str:
        return content_of(step)["subject"]


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
        fields = ["id", "sequence", "contact", "mailbox", "step_key", "state", "reason"]
        fields += ["enrolled_at", "entered_step_at", "due_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, enrolment: Enrolment) -> str:
        return EnrolmentState(enrolment.state).name.lower()
