from typing import Any

from rest_framework import serializers

from tracking.custom import MAX_KEY, MAX_NAME
from tracking.models import CustomEvent


class EventSerializer(serializers.ModelSerializer[CustomEvent]):
    """Something that a contact did elsewhere."""

    contact = serializers.IntegerField(source="contact_id")
    properties = serializers.DictField()

    class Meta:
        model = CustomEvent
        fields = ["id", "name", "contact", "properties", "occurred_at", "key", "recorded_at"]
        read_only_fields = fields


class GivenEventSerializer(serializers.Serializer[Any]):
    """An event as it is given; for the schema alone: `tracking.given` reads it, a thousand at a time."""

    name = serializers.CharField(max_length=MAX_NAME)
    email = serializers.EmailField(
        required=False, help_text="Whose event it is; an unknown address becomes a contact.  Or give `contact`."
    )
    contact = serializers.IntegerField(required=False, min_value=1, help_text="The id of a contact.")
    properties = serializers.DictField(required=False, help_text="At most 16 kB.")
    occurred_at = serializers.DateTimeField(required=False, help_text="Now, if left out; with its offset.")
    key = serializers.CharField(
        max_length=MAX_KEY, required=False, help_text="The same key twice in a workspace is one event."
    )


class EventErrorSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="The place in the array, from 0.")
    errors = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))  # type: ignore[assignment]  # a field named like Serializer.errors


class TakenSerializer(serializers.Serializer[Any]):
    """What came of the events: those with errors were not taken, all others were."""

    received = serializers.IntegerField()
    created = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Events whose key was known.")
    errors = EventErrorSerializer(many=True)  # type: ignore[assignment]  # as above
