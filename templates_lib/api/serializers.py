from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from team.models import Workspace
from templates_lib import selectors
from templates_lib.models import Asset, Category, Format, Template, TemplateVersion

CONTENT = ("format", "subject", "preheader", "source", "text_source")


class CategoryField(serializers.PrimaryKeyRelatedField[Category]):
    """A category of the same workspace, by its id."""

    def get_queryset(self) -> Any:
        workspace: Workspace | None = self.context.get("workspace")
        return selectors.categories_in(workspace) if workspace else Category.objects.none()


class TemplateSerializer(serializers.ModelSerializer[Template]):
    """A template with its current content.

    To change the content, send what changes and `version`, the number that you began with: if somebody saved since, the
    answer is a 409 and nothing is written.
    """

    category = CategoryField(required=False, allow_null=True)
    version = serializers.IntegerField(
        source="current_version.number", required=False, min_value=1, help_text="The number of the current version."
    )
    format = serializers.ChoiceField(choices=Format.choices, source="current_version.format")
    subject = serializers.CharField(
        source="current_version.subject", required=False, allow_blank=True, trim_whitespace=False
    )
    preheader = serializers.CharField(
        source="current_version.preheader", required=False, allow_blank=True, trim_whitespace=False
    )
    source = serializers.CharField(  # type: ignore[assignment]  # DRF takes fields out of the class
        source="current_version.source", trim_whitespace=False
    )
    text_source = serializers.CharField(
        source="current_version.text_source",
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Empty: the plain text part is made from the HTML.",
    )
    note = serializers.CharField(write_only=True, required=False, allow_blank=True, max_length=200)

    class Meta:
        model = Template
        fields = ["id", "name", "description", "category", "version", *CONTENT, "note", "archived_at", "created_at"]
        fields += ["updated_at"]
        read_only_fields = ["archived_at", "created_at", "updated_at"]
        # The service checks names, with a sentence that also knows archived templates.
        validators: list[Any] = []


class VersionSerializer(serializers.ModelSerializer[TemplateVersion]):
    """One saved state of a template; it never changes."""

    created_by = serializers.CharField(source="created_by.email", default="", read_only=True)

    class Meta:
        model = TemplateVersion
        fields = ["number", *CONTENT, "note", "created_by", "created_at"]
        read_only_fields = fields


class RestoreSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1, help_text="The number of the version to restore.")


class CategorySerializer(serializers.ModelSerializer[Category]):
    template_count = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = Category
        fields = ["id", "name", "template_count"]
        validators: list[Any] = []


class AssetSerializer(serializers.ModelSerializer[Asset]):
    """An image; `url` is its public address for use in mail."""

    file = serializers.FileField(write_only=True, help_text="PNG, JPEG, GIF or WebP, at most 5 MB.")
    name = serializers.CharField(required=False, max_length=200)
    url = serializers.SerializerMethodField()

    class Meta:
        model = Asset
        fields = ["id", "name", "url", "width", "height", "bytes", "created_at", "file"]
        read_only_fields = ["width", "height", "bytes", "created_at"]

    @extend_schema_field(serializers.URLField())
    def get_url(self, asset: Asset) -> str:
        return selectors.asset_url(asset)


class RenderSerializer(serializers.Serializer[Any]):
    """A mail to render for a contact, for a context of your own, or for a made-up person."""

    format = serializers.ChoiceField(choices=Format.choices)
    subject = serializers.CharField(required=False, allow_blank=True, default="", trim_whitespace=False)
    preheader = serializers.CharField(required=False, allow_blank=True, default="", trim_whitespace=False)
    source = serializers.CharField(trim_whitespace=False)  # type: ignore[assignment]  # as above
    text_source = serializers.CharField(required=False, allow_blank=True, default="", trim_whitespace=False)
    context = serializers.DictField(  # type: ignore[assignment]  # as above
        required=False, help_text="Merge fields; added to a contact's, if both are given."
    )
    contact = serializers.CharField(required=False, help_text="A contact's id or email address.")
    locale = serializers.CharField(required=False, allow_blank=True, max_length=35, help_text="Replaces the contact's.")


class WarningSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    part = serializers.ChoiceField(choices=["subject", "preheader", "source", "text_source"])
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    message = serializers.CharField()


class RenderedSerializer(serializers.Serializer[Any]):
    """The rendered mail; `html` is empty for plain text."""

    subject = serializers.CharField()
    preheader = serializers.CharField()
    html = serializers.CharField()
    text = serializers.CharField()
    warnings = WarningSerializer(many=True)
