from typing import Any

from rest_framework import serializers


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
