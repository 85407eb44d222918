from typing import Any

from rest_framework import serializers

from tracking.custom import MAX_KEY, MAX_NAME
from tracking.given import MAX_EVENTS
from tracking.models import CustomEvent


class EventSerializer(serializers.ModelSerializer[CustomEvent]):
    """Something that a contact did elsewhere."""

    contact = serializers.IntegerField(source="contact_id")
    properties = serializers.DictField()

    class Meta:
        model = CustomEvent
        fields = ["id", "name", "contact", "properties", "occurred_at", "key", "recorded_at"]
        read_only_fields = fields


# An event as it is given, for the schema: `tracking.given` reads it, a thousand at a time.
GIVEN_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": MAX_NAME},
        "email": {"type": "string", "description": "Whose event it is; an unknown address becomes a contact."},
        "contact": {"type": "integer", "minimum": 1, "description": "The id of a contact, instead of `email`."},
        "properties": {"type": "object", "additionalProperties": {}, "description": "At most 16 kB."},
        "occurred_at": {"type": "string", "format": "date-time", "description": "With its offset; now, if left out."},
        "key": {
            "type": "string",
            "maxLength": MAX_KEY,
            "description": "The same key twice in a workspace is one event.",
        },
    },
    "additionalProperties": False,
}
GIVEN_EVENTS = {"oneOf": [GIVEN_EVENT, {"type": "array", "maxItems": MAX_EVENTS, "items": GIVEN_EVENT}]}


class EventErrorSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="The place in the array, from 0.")
    errors = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))  # type: ignore[assignment]  # a field named like Serializer.errors


class TakenSerializer(serializers.Serializer[Any]):
    """What came of the events: those with errors were not taken, all others were."""

    received = serializers.IntegerField()
    created = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Events whose key was known.")
    errors = EventErrorSerializer(many=True)  # type: ignore[assignment]  # as above
