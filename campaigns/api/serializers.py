"""A campaign as the API shows and takes it; reading many costs a fixed number of queries."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns import selectors
from campaigns.exceptions import InvalidCampaign
from campaigns.holdouts import LONGEST_DAYS
from campaigns.models import Campaign, Check, Kind, SignUpForm, Status
from campaigns.schedule import moment_of, require_zone
from campaigns.triggers import trigger_document
from contacts.models import List
from delivery.models import Mailbox
from sequences import selectors as sequences
from sequences.models import Step, StepKind
from team.models import Workspace
from templates_lib import selectors as templates
from templates_lib.models import Format


def ids_field() -> serializers.ListField:
    """Return a field for the ids of other things."""
    return serializers.ListField(child=serializers.IntegerField(min_value=1), required=False, max_length=200)


class ExclusionSerializer(serializers.Serializer[Any]):
    lists = ids_field()
    segments = ids_field()


class AudienceSerializer(serializers.Serializer[Any]):
    """In any of the lists or segments, in none of the excluded ones; all by their ids."""

    lists = ids_field()
    segments = ids_field()
    exclude = ExclusionSerializer(required=False)


@extend_schema_field(OpenApiTypes.DATETIME)
class MomentField(serializers.CharField):
    """An ISO 8601 time; one without an offset is a time on the wall of the schedule's zone."""

    def to_representation(self, value: Any) -> Any:
        return serializers.DateTimeField().to_representation(value)


class ScheduleSerializer(serializers.Serializer[Any]):
    """When it leaves; null means at once when launched."""

    send_at = MomentField()
    time_zone = serializers.CharField(
        required=False, help_text="For example Europe/Berlin; the workspace's if left out."
    )


# What reading a step shows beside its fields.
SHOWN_ONLY = ("template_version", "effective_subject")


class StepSerializer(serializers.Serializer[Any]):
    """One step: an email from a template (its current version), or with its own source; a wait; or another kind.

    `subject` and `preheader` win over the template's.  Send the `key` that you read to keep a step's identity.  The settings
    of each kind are in the reference of sequences (docs/reference/sequences.md).
    """

    key = serializers.CharField(required=False, max_length=20)
    kind = serializers.ChoiceField(choices=StepKind.choices, default=StepKind.EMAIL)
    wait = serializers.DurationField(
        required=False,
        allow_null=True,
        format="iso-8601",
        help_text="For a wait, as P3D or PT2H; counted from the email's acceptance.",
    )
    template = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    subject = serializers.CharField(required=False, allow_blank=True)
    preheader = serializers.CharField(required=False, allow_blank=True)
    format = serializers.ChoiceField(choices=Format.choices, required=False, help_text="Of `source`; html by default.")
    source = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)  # type: ignore[assignment]  # a field named like Field.source
    text_source = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    mailing = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="For `messages/?mailing=`; null until the launch."
    )
    experiment = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The A/B test of an email, see `experiments/`; null without one."
    )
    lanes = serializers.DictField(
        child=serializers.ListField(child=serializers.DictField()),
        required=False,
        help_text="The steps of each lane, for a branch or a split; lanes rejoin behind it.",
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Take the settings of the other kinds as they are: sequences checks them."""
        clean: dict[str, Any] = super().to_internal_value(data)
        clean |= {name: value for name, value in data.items() if name not in self.fields and name not in SHOWN_ONLY}
        for outcome, steps in clean.get("lanes", {}).items():
            inner = StepSerializer(data=steps, many=True)
            if not inner.is_valid():
                raise serializers.ValidationError({f"lanes.{outcome}": inner.errors})
            clean["lanes"][outcome] = inner.validated_data
        return clean


class ProgressSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField(help_text="People who entered, or will.")
    done = serializers.IntegerField(
        help_text="People at the end of their way: in a broadcast, whose message has an end."
    )
    messages = serializers.IntegerField(help_text="Messages written so far.")
    messages_done = serializers.IntegerField(help_text="Messages that have an end.")
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()
    opened = serializers.IntegerField(help_text="Messages opened by a human.")
    clicked = serializers.IntegerField(help_text="Messages clicked by a human.")
    enrolling = serializers.BooleanField(help_text="Recipients are still being enrolled.")


class LostSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["list", "segment"])
    name = serializers.CharField()
    excluded = serializers.BooleanField(help_text="It was left out of the audience.")


class FactsListSerializer(serializers.ListSerializer[Any]):
    """Reads what many campaigns need at once."""

    def to_representation(self, data: Any) -> Any:
        campaigns = list(data.all() if hasattr(data, "all") else data)
        assert isinstance(self.child, CampaignSerializer)  # noqa: S101 - for the type checker
        self.child.read_facts(campaigns)
        return super().to_representation(campaigns)


class WindowSerializer(serializers.Serializer[Any]):
    """Sending hours by the recipient's clock (the workspace's where the zone is unknown); null: at any time."""

    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6), help_text="0 is Monday, 6 Sunday."
    )
    start = serializers.TimeField(format="%H:%M")
    end = serializers.TimeField(format="%H:%M", help_text="On the next day if it is not later than `start`.")


class RateField(serializers.FloatField):
    """A share; a number too large for one is refused like any other that can't be."""

    def to_internal_value(self, data: Any) -> float:
        try:
            return super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")


class HoldoutSerializer(serializers.Serializer[Any]):
    """A share of those who would get the campaign gets nothing, for a comparison of what people do with and without it."""

    share = RateField(min_value=0, max_value=0.5, help_text="0.1 is 10 %; 0: nobody.")
    event = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="The custom event that is compared."
    )
    days = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_DAYS, help_text="So long after they got it, or were held out."
    )


@extend_schema_field(OpenApiTypes.OBJECT)
class TriggerField(serializers.JSONField):
    """What lets contacts in; its settings are in docs/reference/triggers.md and checked by the service."""


class CampaignSerializer(serializers.Serializer[Campaign]):
    """A campaign.  Only a draft can be changed; `version` grows with each change and, when sent, must be the current one."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=200, required=False)
    kind = serializers.ChoiceField(choices=Kind.choices, default=Kind.BROADCAST)
    status = serializers.ChoiceField(choices=Status.choices, read_only=True)
    audience = AudienceSerializer(required=False)
    trigger = TriggerField(
        required=False,
        help_text="For a triggered campaign, e.g. {“kind”: “event”, “event”: “order.paid”}; null for any other.",
    )
    mailboxes = ids_field()
    steps = StepSerializer(many=True, required=False)
    schedule = ScheduleSerializer(required=False, allow_null=True)
    window = WindowSerializer(required=False, allow_null=True)
    track_opens = serializers.BooleanField(required=False)
    track_clicks = serializers.BooleanField(required=False)
    holdout = HoldoutSerializer(required=False)
    necessary = serializers.BooleanField(
        required=False, help_text="Goes to the workspace's held-out group, too, as a receipt must."
    )
    version = serializers.IntegerField(required=False, min_value=1)
    lost_audience = LostSerializer(
        many=True,
        read_only=True,
        help_text="Lists and segments of the audience that were deleted; give the audience again to go on without them.",
    )
    problem = serializers.CharField(read_only=True, help_text="Why a scheduled campaign could not start.")
    progress = ProgressSerializer(read_only=True)
    launched_at = serializers.DateTimeField(read_only=True)
    completed_at = serializers.DateTimeField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    class Meta:
        list_serializer_class = FactsListSerializer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._progress: dict[int, selectors.Progress] = {}
        self._steps: dict[int, list[Step]] = {}

    def read_facts(self, campaigns: Iterable[Campaign]) -> None:
        """Read the progress and steps of all these campaigns."""
        known = list(campaigns)
        self._progress = selectors.progress_of(known)
        self._steps = sequences.steps_by_sequence([campaign.sequence_id for campaign in known])

    def to_representation(self, campaign: Campaign) -> dict[str, Any]:
        if campaign.pk not in self._progress:
            self.read_facts([campaign])
        progress = self._progress[campaign.pk]
        moment = serializers.DateTimeField()

        def at(value: datetime | None) -> Any:
            return moment.to_representation(value) if value else None

        return {
            "id": campaign.pk,
            "name": campaign.name,
            "kind": campaign.kind,
            "status": campaign.status,
            "audience": {
                "lists": _ids(campaign.lists),
                "segments": _ids(campaign.segments),
                "exclude": {"lists": _ids(campaign.excluded_lists), "segments": _ids(campaign.excluded_segments)},
            },
            "trigger": trigger_document(campaign.trigger) if campaign.kind == Kind.TRIGGERED else None,
            "mailboxes": _ids(campaign.mailboxes),
            "steps": sequences.document_of(self._steps[campaign.sequence_id]),
            "schedule": {"send_at": at(campaign.send_at), "time_zone": campaign.time_zone}
            if campaign.send_at
            else None,
            "window": campaign.window or None,
            "track_opens": campaign.track_opens,
            "track_clicks": campaign.track_clicks,
            "holdout": {
                "share": campaign.holdout_share,
                "event": campaign.holdout_event,
                "days": campaign.holdout_days,
            },
            "necessary": campaign.is_necessary,
            "version": campaign.version,
            "lost_audience": campaign.lost_audience,
            "problem": campaign.problem,
            "progress": ProgressSerializer(progress).data,
            "launched_at": at(campaign.launched_at),
            "completed_at": at(campaign.completed_at),
            "created_at": at(campaign.created_at),
            "updated_at": at(campaign.updated_at),
        }


def _ids(related: Any) -> list[int]:
    return sorted(item.pk for item in related.all())


def changes_of(data: dict[str, Any], workspace: Workspace, *, time_zone: str) -> dict[str, Any]:
    """Turn validated data into what the services take.  Raises InvalidInput for a template or time that can't be."""
    plain = ("name", "mailboxes", "track_opens", "track_clicks", "window")
    changes: dict[str, Any] = {name: data[name] for name in plain if name in data}
    if "audience" in data:
        audience = data["audience"]
        exclude = audience.get("exclude", {})
        changes |= {
            "lists": audience.get("lists", []),
            "segments": audience.get("segments", []),
            "excluded_lists": exclude.get("lists", []),
            "excluded_segments": exclude.get("segments", []),
            "lost_audience": [],
        }
    changes |= {f"holdout_{name}": value for name, value in data.get("holdout", {}).items()}
    if "necessary" in data:
        changes["is_necessary"] = data["necessary"]
    if data.get("trigger") is not None:
        changes["trigger"] = data["trigger"]
    if "steps" in data:
        changes["steps"] = _steps(data["steps"], workspace, "steps")
    if "schedule" in data:
        changes |= schedule_of(data["schedule"], time_zone=time_zone)
    return changes


def schedule_of(schedule: dict[str, Any] | None, *, time_zone: str) -> dict[str, Any]:
    """Return send_at (a moment) and time_zone.  Raises InvalidCampaign for what is no time."""
    if schedule is None:
        return {"send_at": None}
    zone = schedule.get("time_zone") or time_zone
    require_zone(zone)
    try:
        given = parse_datetime(str(schedule.get("send_at", "")).strip().replace(" ", "T", 1))
    except ValueError:
        given = None
    if given is None:
        message = "Give an ISO 8601 time, as 2026-12-01T09:00 or 2026-12-01T09:00:00+01:00."
        raise InvalidCampaign(message, fields={"schedule.send_at": [message]})
    return {"send_at": given if given.tzinfo else moment_of(given, zone), "time_zone": zone}


def _steps(steps: Iterable[dict[str, Any]], workspace: Workspace, path: str) -> list[dict[str, Any]]:
    return [_step(step, workspace, f"{path}.{place}") for place, step in enumerate(steps)]


def _step(step: dict[str, Any], workspace: Workspace, path: str) -> dict[str, Any]:
    wanted = dict(step)
    if "lanes" in wanted:
        wanted["lanes"] = {
            outcome: _steps(inside, workspace, f"{path}.lanes.{outcome}") for outcome, inside in wanted["lanes"].items()
        }
    template_id = wanted.pop("template", None)
    if template_id is not None:
        template = templates.templates_in(workspace).filter(pk=template_id).first()
        if template is None:
            message = f"This workspace has no template {template_id}."
            raise InvalidCampaign(message, fields={f"{path}.template": [message]})
        wanted["template"] = template
    return wanted


class LiftQuerySerializer(serializers.Serializer[Any]):
    event = serializers.CharField(required=False, max_length=100, help_text="The campaign's own if left out.")
    days = serializers.IntegerField(required=False, min_value=1, max_value=LONGEST_DAYS)


class SideSerializer(serializers.Serializer[Any]):
    people = serializers.IntegerField(help_text="Whose days are over.")
    converted = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True, help_text="null without people.")


class LiftSerializer(serializers.Serializer[Any]):
    """What the campaign has brought about, by those whom it held out; nulls where there is nothing to compare."""

    event = serializers.CharField()
    days = serializers.IntegerField()
    mailed = SideSerializer()
    held_out = SideSerializer()
    difference = serializers.FloatField(allow_null=True, help_text="mailed.rate − held_out.rate.")
    interval = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="95 % interval of the difference (Newcombe): low, high.",
    )
    is_proven = serializers.BooleanField(help_text="The interval leaves out 0.")
    sentence = serializers.CharField(help_text="What this means, for people.")
    unripe = serializers.IntegerField(help_text="People of both whose days are not over: they don't count yet.")
    by_group = serializers.IntegerField(help_text="Held out of all campaigns by the workspace's group: not compared.")


class LaunchSerializer(serializers.Serializer[Any]):
    accept_warnings = serializers.BooleanField(default=False, help_text="Launch although the check found warnings.")
    now = serializers.BooleanField(default=False, help_text="Launch at once although the draft has a time.")


class ScheduleCallSerializer(serializers.Serializer[Any]):
    send_at = MomentField(required=False, help_text="The draft's own time if left out.")
    time_zone = serializers.CharField(required=False)
    accept_warnings = serializers.BooleanField(default=False)


class TestSerializer(serializers.Serializer[Any]):
    to = serializers.ListField(child=serializers.EmailField(), min_length=1, max_length=20)
    contact = serializers.IntegerField(required=False, min_value=1, help_text="Fill the email in as this contact.")
    step = serializers.CharField(required=False, help_text="The key of an email; the first if left out.")


class TestSentSerializer(serializers.Serializer[Any]):
    messages = serializers.ListField(child=serializers.IntegerField(), help_text="Ids of the messages.")


class ExampleSerializer(serializers.Serializer[Any]):
    contact = serializers.IntegerField()
    email = serializers.CharField()
    detail = serializers.CharField()


class FindingSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    level = serializers.ChoiceField(choices=["error", "warning", "info"])
    message = serializers.CharField()
    subject = serializers.CharField()
    section = serializers.CharField()
    count = serializers.IntegerField()
    examples = ExampleSerializer(many=True)
    at = serializers.CharField(
        required=False,
        help_text="The moment that the message names (ISO 8601), such as when the last mail leaves; or empty.",
    )


class CheckSerializer(serializers.ModelSerializer[Check]):
    """A pre-flight check: errors block the launch, warnings must be accepted."""

    findings = FindingSerializer(many=True, read_only=True)

    class Meta:
        model = Check
        fields = ["id", "campaign_version", "status", "recipients", "suppressed", "rendered", "findings", "error"]
        fields += ["started_at", "finished_at"]
        read_only_fields = fields


class SignUpFormSerializer(serializers.ModelSerializer[SignUpForm]):
    """A page on which people sign up by themselves, at /f/TOKEN/."""

    asks = serializers.ListField(
        source="fields",
        child=serializers.CharField(max_length=80),
        required=False,
        max_length=12,
        help_text="What is asked beside the address: first_name, last_name, company or custom.KEY.",
    )
    lists = serializers.PrimaryKeyRelatedField(many=True, queryset=List.objects.all(), required=False)
    mailbox = serializers.PrimaryKeyRelatedField(queryset=Mailbox.objects.all(), required=False, allow_null=True)

    class Meta:
        model = SignUpForm
        fields = ["id", "name", "token", "title", "text", "asks", "lists", "consent_text", "double_opt_in", "mailbox"]
        fields += ["mail_subject", "mail_text", "thanks", "redirect_url", "is_open", "created_at", "updated_at"]
        read_only_fields = ["token", "created_at", "updated_at"]
