from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from sequences.api.serializers import StepSerializer
from sequences.models import Policy, StepKind, Version
from sequences.selectors import document_of, steps_of


class PublicationSerializer(serializers.Serializer[Any]):
    """How a published change reaches the people on their way."""

    version = serializers.IntegerField(source="version.number")
    policy = serializers.ChoiceField(choices=Policy.choices)
    by = serializers.CharField()
    people = serializers.IntegerField(help_text="On the way when it was published.")
    moved = serializers.IntegerField(help_text="How many of them it has reached.")
    published_at = serializers.DateTimeField()
    moved_at = serializers.DateTimeField(allow_null=True, help_text="When it had reached all; null: it is still at it.")
    finished_at = serializers.DateTimeField(
        allow_null=True, help_text="When the mail in the queue was the new one, too."
    )


@extend_schema_serializer(component_name="SequenceVersion")
class VersionSerializer(serializers.ModelSerializer[Version]):
    """One version: a draft has no `published_at`."""

    publication = PublicationSerializer(read_only=True, allow_null=True, default=None)
    is_live = serializers.SerializerMethodField()

    class Meta:
        model = Version
        fields = ["number", "is_live", "published_at", "revision", "publication"]
        read_only_fields = fields

    def get_is_live(self, version: Version) -> bool:
        return version.sequence.live_version_id == version.pk


@extend_schema_serializer(component_name="WholeSequenceVersion")
class WholeVersionSerializer(VersionSerializer):
    """One version with its steps."""

    steps = serializers.SerializerMethodField()

    class Meta(VersionSerializer.Meta):
        fields = [*VersionSerializer.Meta.fields, "steps"]
        read_only_fields = fields

    @extend_schema_field(StepSerializer(many=True))
    def get_steps(self, version: Version) -> list[dict[str, Any]]:
        return document_of(steps_of(version))


class DraftChangeSerializer(serializers.Serializer[Any]):
    steps = serializers.ListField(
        child=serializers.DictField(), help_text="The whole document; steps keep their numbers by their keys."
    )
    revision = serializers.IntegerField(
        required=False, min_value=0, help_text="The draft's revision that you changed; 409 when it has another by now."
    )


class FieldChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class StepChangeSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    kind = serializers.ChoiceField(choices=StepKind.choices)
    title = serializers.CharField()
    lane = serializers.CharField(help_text="“root”, or “<key of a step>.<outcome>”.")
    place = serializers.CharField(help_text="For people: “Step 3, yes 1”.")
    place_before = serializers.CharField()
    fields = FieldChangeSerializer(many=True)  # type: ignore[assignment]  # the name is the API's


class DiffSerializer(serializers.Serializer[Any]):
    """What differs between two versions; a step that moved and changed is in both lists."""

    added = StepChangeSerializer(many=True)
    removed = StepChangeSerializer(many=True)
    moved = StepChangeSerializer(many=True)
    changed = StepChangeSerializer(many=True)


FATES = ("stay", "wait", "look", "leave", "end", "finish_old", "exit")


class StepForecastSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    title = serializers.CharField()
    people = serializers.IntegerField()
    fate = serializers.ChoiceField(
        choices=FATES,
        help_text="stay; wait: another length; look: asked anew; leave: the step is gone, they go on at `to` when the rest of"
        " their wait is over; end: nothing comes after it; or what the policy says.",
    )
    to = serializers.CharField(help_text="The key of the step at which they go on.")
    to_title = serializers.CharField()
    wait = serializers.DurationField(allow_null=True)
    overdue = serializers.IntegerField(help_text="Who of them falls due at once.")
    ending = serializers.IntegerField(help_text="Whose way is complete by it.")
    first_due_at = serializers.DateTimeField(allow_null=True)
    last_due_at = serializers.DateTimeField(allow_null=True)


class SkippedSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    title = serializers.CharField()
    people = serializers.IntegerField()
    why = serializers.ChoiceField(choices=("passed", "sent"), help_text="passed: they are past it; sent: they had it.")


class TestForecastSerializer(serializers.Serializer[Any]):
    __test__ = False  # its name is the domain's, not pytest's

    experiment = serializers.IntegerField()
    name = serializers.CharField()
    title = serializers.CharField(help_text="What the email is called.")
    begins = serializers.BooleanField(
        help_text="false: it ends without a winner; whoever still gets the email gets the control."
    )


@extend_schema_serializer(component_name="PublishPreview")
class PreviewSerializer(serializers.Serializer[Any]):
    """Who moves, waits, skips or exits; numbers are people, but for those of messages."""

    policy = serializers.ChoiceField(choices=Policy.choices)
    revision = serializers.IntegerField(help_text="Of the draft: give it to `publish/`.")
    number = serializers.IntegerField(help_text="Of the version that this becomes.")
    live_number = serializers.IntegerField()
    people = serializers.IntegerField(help_text="On the way now.")
    moves = serializers.IntegerField(help_text="Who goes on in the new version.")
    waits = serializers.IntegerField(help_text="Whose wait has another end.")
    overdue = serializers.IntegerField(help_text="Who falls due at once.")
    skips = serializers.IntegerField(help_text="Steps that people don't take, as they are past them or had them.")
    exits = serializers.IntegerField(help_text="Whose way ends.")
    stays_behind = serializers.IntegerField(help_text="Who finishes the old steps.")
    tests = TestForecastSerializer(many=True)
    replaced_messages = serializers.IntegerField(help_text="Messages in the queue that get the new copy.")
    cancelled_messages = serializers.IntegerField(help_text="Messages in the queue whose step is gone.")
    steps = StepForecastSerializer(many=True)
    skipped = SkippedSerializer(many=True)
    diff = DiffSerializer()


class PreviewRequestSerializer(serializers.Serializer[Any]):
    policy = serializers.ChoiceField(choices=Policy.choices, default=Policy.MIGRATE)


class PublishSerializer(PreviewRequestSerializer):
    revision = serializers.IntegerField(
        min_value=0, help_text="The draft's revision that the preview told; 409 when it has another by now."
    )


class RollbackSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(min_value=1, help_text="The version whose steps become the draft.")
    replace = serializers.BooleanField(default=False, help_text="Throw away the draft that there is.")
