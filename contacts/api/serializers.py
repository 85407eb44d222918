import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from contacts.imports.encodings import ENCODINGS
from contacts.imports.layout import DELIMITERS
from contacts.models import (
    Contact,
    ContactField,
    FieldType,
    Import,
    List,
    Segment,
    Suppression,
    SuppressionReason,
    TrackingMode,
)


class ContactSerializer(serializers.ModelSerializer[Contact]):
    """A contact; `attributes` holds the custom fields by key and is merged on PATCH (null removes one)."""

    email = serializers.CharField(max_length=320)
    tracking = serializers.ChoiceField(choices=TrackingMode.choices, required=False)
    attributes = serializers.DictField(required=False, help_text="Custom fields by key.")
    lists = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        source="list_ids",
        help_text="Ids of the lists; on PATCH they replace the old ones.",
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        max_length=100,
        help_text="Words, kept in small letters; on PATCH they replace the old ones.",
    )
    suppressed = serializers.SerializerMethodField(help_text="Why the address gets no mail; null if it does.")

    class Meta:
        model = Contact
        fields = [
            "id",
            "email",
            "first_name",
            "last_name",
            "company",
            "locale",
            "time_zone",
            "attributes",
            "lists",
            "tags",
            "tracking",
            "suppressed",
            "last_sent_at",
            "last_opened_at",
            "last_clicked_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["last_sent_at", "last_opened_at", "last_clicked_at", "created_at", "updated_at"]

    @extend_schema_field(serializers.ChoiceField(choices=SuppressionReason.choices, allow_null=True))
    def get_suppressed(self, contact: Contact) -> str | None:
        return getattr(contact, "suppressed_because", "") or None


class ContactFieldSerializer(serializers.ModelSerializer[ContactField]):
    """A custom field; key and type stay as they were made."""

    key = serializers.CharField(required=False, help_text="The merge field; made from the label if not given.")
    type = serializers.ChoiceField(choices=FieldType.choices, default=FieldType.TEXT)
    choices = serializers.ListField(child=serializers.CharField(), required=False)

    class Meta:
        model = ContactField
        fields = ["id", "key", "label", "type", "choices", "created_at"]


class ListSerializer(serializers.ModelSerializer[List]):
    """A list; `size` counts its members."""

    size = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = List
        fields = ["id", "name", "description", "size", "created_at"]


class MembersSerializer(serializers.Serializer[Any]):
    """Contacts to put into a list or take out of it."""

    contacts = serializers.ListField(child=serializers.IntegerField(), max_length=10_000, allow_empty=False)


class ChangedSerializer(serializers.Serializer[Any]):
    """How many memberships changed."""

    changed = serializers.IntegerField()


class SegmentSerializer(serializers.ModelSerializer[Segment]):
    """A saved question about contacts (docs/reference/segments.md)."""

    definition = serializers.DictField()

    class Meta:
        model = Segment
        fields = ["id", "name", "definition", "created_at", "updated_at"]
        read_only_fields = ["created_at", "updated_at"]


class DefinitionSerializer(serializers.Serializer[Any]):
    """A question to count without saving it."""

    definition = serializers.DictField()


class CountSerializer(serializers.Serializer[Any]):
    """How many contacts match; null if counting took too long."""

    count = serializers.IntegerField(allow_null=True)


class OptionSerializer(serializers.Serializer[Any]):
    value = serializers.JSONField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of the answer, not the label of this one


class OperatorSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of the answer, not the label of this one
    takes = serializers.CharField(
        help_text="none, text, number, date, days, one (of the options), several, or one_within: {option, days}"
    )


class SubjectSerializer(serializers.Serializer[Any]):
    """Something that a condition can ask about."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of the answer, not the label of this one
    group = serializers.CharField()
    operators = OperatorSerializer(many=True)
    options = OptionSerializer(many=True)


class SuppressionSerializer(serializers.ModelSerializer[Suppression]):
    """An address that gets no mail."""

    email = serializers.CharField(source="email_key", max_length=320)
    reason = serializers.ChoiceField(choices=SuppressionReason.choices, default=SuppressionReason.MANUAL)

    class Meta:
        model = Suppression
        fields = ["id", "email", "reason", "detail", "created_at"]


class ImportSerializer(serializers.ModelSerializer[Import]):
    """How far an import has come; `errors_url` is a CSV of the rejected rows."""

    errors_url = serializers.SerializerMethodField()

    class Meta:
        model = Import
        fields = [
            "id",
            "status",
            "error",
            "file_name",
            "list",
            "encoding",
            "delimiter",
            "has_header",
            "date_order",
            "decimal_comma",
            "columns",
            "mapping",
            "update_existing",
            "total_bytes",
            "processed_bytes",
            "processed",
            "created",
            "updated",
            "unchanged",
            "skipped",
            "duplicates",
            "rejected",
            "errors_url",
            "created_at",
            "started_at",
            "finished_at",
        ]

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_errors_url(self, source: Import) -> str | None:
        if not source.rejected:
            return None
        return str(self.context["request"].build_absolute_uri(f"/api/v1/imports/{source.pk}/errors/"))


class MappingField(serializers.JSONField):
    """JSON in a form's field; what is nested too deeply to be read is invalid like any other."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            found = super().to_internal_value(data)
            # Half of a surrogate pair could be neither stored nor named in an answer.
            json.dumps(found, ensure_ascii=False).encode()
        except (RecursionError, UnicodeEncodeError):
            self.fail("invalid")
        return found


class UploadSerializer(serializers.Serializer[Any]):
    """A CSV file and what to do with it."""

    file = serializers.FileField(allow_empty_file=True)
    mapping = MappingField(
        required=False,
        help_text='Column (header or number from 0) to target, as in {"E-Mail": "email", "2": "first_name", "Plan": "plan"}. '
        "Guessed if not given.",
    )
    list = serializers.IntegerField(required=False, help_text="Id of the list that the contacts are put into.")
    list_name = serializers.CharField(required=False, help_text="Name of the list, made if there is none.")
    update_existing = serializers.BooleanField(default=True)
    encoding = serializers.ChoiceField(choices=[*ENCODINGS], required=False)
    delimiter = serializers.ChoiceField(choices=[*DELIMITERS], required=False)
    has_header = serializers.BooleanField(required=False, allow_null=True, default=None)
    date_order = serializers.ChoiceField(choices=Import.DateOrder.choices, required=False)
    decimal_comma = serializers.BooleanField(required=False, allow_null=True, default=None)

    def validate_mapping(self, value: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(target, str) for target in value.values()):
            raise serializers.ValidationError("This must be an object of columns and targets.")
        return {str(column): target for column, target in value.items()}
