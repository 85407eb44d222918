"""A test as the API shows and takes it."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.dateparse import parse_time
from rest_framework import serializers

from abtests.models import Dimension, Experiment, Look, Metric, Mode, Rule, Variant, WithoutProof
from campaigns.api.serializers import RateField
from core.exceptions import InvalidInput

# The database's own limit; what a plan allows is the service's to say.
MOST = 2_000_000_000


class VariantSerializer(serializers.Serializer[Variant]):
    """A version of the email; what is left out or empty is as in the email itself."""

    number = serializers.SerializerMethodField(help_text="From 1, which is the control.")
    name = serializers.CharField(required=False, max_length=100, help_text="The next letter if left out.")
    subject = serializers.CharField(required=False, allow_blank=True, max_length=500)
    preheader = serializers.CharField(required=False, allow_blank=True, max_length=500)
    from_name = serializers.CharField(required=False, allow_blank=True, max_length=150)
    template = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, source="template_version.template_id", help_text="Its content."
    )
    send_at = serializers.TimeField(required=False, allow_null=True, help_text="By the recipient's clock.")
    levels = serializers.ListField(
        child=serializers.IntegerField(), read_only=True, help_text="Factorial: which way of each dimension, from 0."
    )
    mailing = serializers.IntegerField(source="mailing_id", read_only=True, allow_null=True)
    stopped_at = serializers.DateTimeField(read_only=True, allow_null=True)

    def get_number(self, variant: Variant) -> int:
        return variant.position + 1

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        clean: dict[str, Any] = super().to_internal_value(data)
        if (nested := clean.pop("template_version", None)) is not None:
            clean["template"] = nested["template_id"]
        return clean

    def to_representation(self, instance: Variant) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        version = instance.template_version
        return shown | {"template": version.template_id if version is not None else None}


class PlanFields(serializers.Serializer[Experiment]):
    """What a test asks of whom; the service says what can't be."""

    name = serializers.CharField(required=False, max_length=200)
    dimensions = serializers.ListField(
        child=serializers.ChoiceField(choices=Dimension.choices), required=False, max_length=len(Dimension.values)
    )
    metric = serializers.ChoiceField(choices=Metric.choices, required=False)
    link = serializers.CharField(source="link_label", required=False, allow_blank=True, max_length=2000)
    event = serializers.CharField(source="event_name", required=False, allow_blank=True, max_length=100)
    window_hours = serializers.IntegerField(required=False, min_value=1, max_value=MOST)
    mode = serializers.ChoiceField(choices=Mode.choices, required=False)
    rule = serializers.ChoiceField(choices=Rule.choices, required=False)
    days = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MOST)
    base = RateField(required=False, help_text="Share of those sent to that responds anyway: 0.03 is 3 %.")
    lead = RateField(required=False, help_text="Share of those sent to by which a better version must lead to matter.")
    batches = serializers.IntegerField(required=False, min_value=1, max_value=MOST)
    spacing_minutes = serializers.IntegerField(required=False, min_value=0, max_value=MOST)
    largest_share = RateField(required=False)
    per_arm = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MOST)
    without_proof = serializers.ChoiceField(choices=WithoutProof.choices, required=False)


class ExperimentSerializer(PlanFields):
    """An A/B test of an email."""

    id = serializers.IntegerField(read_only=True)
    campaign = serializers.IntegerField(source="campaign_id", read_only=True, allow_null=True)
    step = serializers.CharField(source="step_key", read_only=True, allow_null=True, help_text="The email's key.")
    state = serializers.ChoiceField(choices=Experiment.State.choices, read_only=True)
    design = serializers.CharField(
        read_only=True, help_text="cells, continuous or send_time; follows from the campaign."
    )
    variants = VariantSerializer(many=True, read_only=True)
    outcome = serializers.CharField(read_only=True, help_text="The last verdict, or by_hand, stopped.")
    winner = serializers.SerializerMethodField(help_text="The number of the version that won.")
    created_at = serializers.DateTimeField(read_only=True)
    started_at = serializers.DateTimeField(read_only=True, allow_null=True)
    deadline_at = serializers.DateTimeField(read_only=True, allow_null=True)
    decided_at = serializers.DateTimeField(read_only=True, allow_null=True)

    def get_winner(self, experiment: Experiment) -> int | None:
        return experiment.winner.position + 1 if experiment.winner else None


class NewExperimentSerializer(PlanFields):
    """A test to be planned."""

    campaign = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    step = serializers.CharField(required=False, max_length=20, help_text="The key of an email; the first if left out.")
    variants = VariantSerializer(many=True, required=False, help_text="The versions beside the email as it is.")


class ExperimentQuerySerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=Experiment.State.choices, required=False)
    campaign = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class FactorsSerializer(serializers.Serializer[Any]):
    """What is tested at once; each dimension's ways begin with the email's own."""

    dimensions = serializers.ListField(
        child=serializers.ChoiceField(choices=Dimension.choices), max_length=len(Dimension.values)
    )
    levels = serializers.DictField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True), max_length=8),
        help_text='By dimension: texts, ids of templates (content) or times as 09:30 (send_time); "" or null is as in the email.',
    )


class ChoiceSerializer(serializers.Serializer[Any]):
    variant = serializers.IntegerField(min_value=1, max_value=100, help_text="The number of a version.")


class PlanQuerySerializer(serializers.Serializer[Any]):
    audience = serializers.IntegerField(required=False, min_value=0, max_value=MOST)


class ReachSerializer(serializers.Serializer[Any]):
    proves = serializers.FloatField(allow_null=True, help_text="The smallest lead that this size proves.")
    selects = serializers.FloatField(
        allow_null=True, help_text="The smallest lead with which it picks the best, with 95 %."
    )


class PlanSerializer(serializers.Serializer[Any]):
    """What a test of this size can say; rates and leads are shares of those sent to."""

    arms = serializers.IntegerField()
    base = serializers.FloatField()
    lead = serializers.FloatField()
    batches = serializers.IntegerField()
    to_prove = serializers.IntegerField(help_text="Recipients a version that prove the lead.")
    to_select = serializers.IntegerField(help_text="Recipients a version that pick the better one with 95 %.")
    per_arm = serializers.IntegerField(help_text="Recipients a version that the list allows.")
    remainder = serializers.IntegerField(help_text="Who get the winner.")
    promise = serializers.ChoiceField(choices=["proves", "selects", "too_small"])
    reach = ReachSerializer()
    hours = serializers.FloatField(help_text="Until the last part counts.")


class LookSerializer(serializers.Serializer[Look]):
    number = serializers.IntegerField()
    looked_at = serializers.DateTimeField()
    question = serializers.DictField(help_text="The counts and what was asked of them.")
    verdict = serializers.DictField()


def levels_of(given: Mapping[str, list[Any]], template_version: Callable[[int, str], Any]) -> dict[str, list[Any]]:
    """Return the ways of each dimension as the service takes them.  Raises InvalidInput for what is no template or time."""
    found: dict[str, list[Any]] = {}
    for dimension, ways in given.items():
        found[dimension] = [
            _way(dimension, way, f"levels.{dimension}.{place}", template_version) for place, way in enumerate(ways)
        ]
    return found


def _way(dimension: str, way: Any, path: str, template_version: Callable[[int, str], Any]) -> Any:
    if dimension not in (Dimension.CONTENT, Dimension.SEND_TIME):
        return "" if way is None else way
    if way in (None, ""):
        return None
    try:
        if dimension == Dimension.CONTENT and isinstance(way, int) and not isinstance(way, bool) and 0 < way < 2**63:
            return template_version(way, path)
        if dimension == Dimension.SEND_TIME and isinstance(way, str) and (time := parse_time(way[:20])) is not None:
            return time
    except ValueError:
        pass
    message = "Give the id of a template." if dimension == Dimension.CONTENT else "Give a time of the day, as 09:30."
    raise InvalidInput(message, fields={path: [message]})
