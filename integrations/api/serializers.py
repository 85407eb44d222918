from typing import Any

from rest_framework import serializers

from integrations import selectors
from integrations.models import DeliveryState, EventSource, WebhookDelivery, WebhookEndpoint, WebhookEvent

DELIVERY_STATES = [(state.name.lower(), state.label) for state in DeliveryState]


class ActivityContactSerializer(serializers.Serializer[dict[str, Any]]):
    id = serializers.IntegerField()
    email = serializers.EmailField(allow_null=True, help_text="Empty once the contact was deleted.")


class ActivityCampaignSerializer(serializers.Serializer[dict[str, Any]]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class ActivitySerializer(serializers.Serializer[Any]):
    """Something that happened."""

    id = serializers.CharField(help_text="Its place in the feed: the same for every reader, for ever.")
    type = serializers.CharField(
        help_text="message.accepted, message.failed, message.skipped, message.cancelled, message.unknown, "
        "message.opened, message.clicked, message.reclassified, contact.unsubscribed, contact.resubscribed; expect more."
    )
    occurred_at = serializers.DateTimeField()
    contact = ActivityContactSerializer(allow_null=True)
    campaign = ActivityCampaignSerializer(allow_null=True)
    message = serializers.IntegerField(allow_null=True)
    data = serializers.DictField(  # type: ignore[assignment]  # the metaclass takes fields out of the class
        help_text="Opens and clicks: class (human, proxied or machine), reason, url. Messages: reason."
    )


class FeedPageSerializer(serializers.Serializer[Any]):
    """A page of the feed."""

    results = ActivitySerializer(many=True, source="activities")
    cursor = serializers.CharField(help_text="Give it as `after` to go on from here, now or in a year.")
    has_more = serializers.BooleanField(help_text="Whether to go on at once; if not, ask again later.")


class FeedQuerySerializer(serializers.Serializer[Any]):
    """Where to go on, and how far."""

    after = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="A cursor; empty: the beginning; `latest`: now."
    )
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=500)


class EventSourceSerializer(serializers.ModelSerializer[EventSource]):
    """A program that tells of events by signed webhooks, and where in what it sends the parts of an event stand."""

    url = serializers.SerializerMethodField(help_text="Where the program sends its webhooks.")

    class Meta:
        model = EventSource
        fields = ["id", "name", "url", "event_path", "email_path", "properties_path", "prefix", "is_active"]
        fields += ["received_at", "problem", "created_at"]
        read_only_fields = ["received_at", "problem", "created_at"]

    def get_url(self, source: EventSource) -> str:
        return selectors.address_of(source)


class NewEventSourceSerializer(EventSourceSerializer):
    """A source that was just made."""

    secret = serializers.SerializerMethodField(help_text="Signs what the program sends; shown this once.")

    class Meta(EventSourceSerializer.Meta):
        fields = [*EventSourceSerializer.Meta.fields, "secret"]

    def get_secret(self, source: EventSource) -> str:
        return str(self.context["secret"])


class SourceSecretSerializer(serializers.Serializer[Any]):
    """The secret that signs what a source sends."""

    secret = serializers.CharField(help_text="Shown this once.")


class WebhookSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """The address of a program that is told what happens here, by signed webhooks."""

    url = serializers.CharField(max_length=2000)
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=WebhookEvent.choices),
        required=False,
        allow_empty=False,
        max_length=50,
        help_text="What it is told of; everything if left out.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["id", "url", "events", "is_active", "problem", "failing_since", "created_at"]
        read_only_fields = ["problem", "failing_since", "created_at"]


class NewWebhookSerializer(WebhookSerializer):
    """A webhook that was just made."""

    secret = serializers.SerializerMethodField(help_text="Signs what it is sent; shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]

    def get_secret(self, endpoint: WebhookEndpoint) -> str:
        return str(self.context["secret"])


class WebhookSecretSerializer(serializers.Serializer[Any]):
    """The secret that signs what a webhook is sent."""

    secret = serializers.CharField(help_text="Shown this once.")


class WebhookDeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """What a program was told, or is to be told, and what came of it."""

    state = serializers.ChoiceField(source="state_name", choices=DELIVERY_STATES, read_only=True)
    payload = serializers.DictField(help_text="The body: type, timestamp and data.")

    class Meta:
        model = WebhookDelivery
        fields = ["id", "event", "payload", "state", "attempts", "status", "error"]
        fields += ["created_at", "due_at", "finished_at"]
        read_only_fields = fields
