from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from team import selectors as team
from templates_lib import selectors, services
from templates_lib.content import Content
from templates_lib.exceptions import StaleVersionError
from templates_lib.forms import BLANK_SOURCES
from templates_lib.models import Asset, Category, Format, Template, TemplateVersion
from templates_lib.previews import check
from templates_lib.rendering import TemplateError

CONTENT = ("format", "subject", "preheader", "source", "text_source")


class TemplateAdminForm(forms.ModelForm):
    """A template with its content: saving writes a new version if the content changed."""

    format = forms.ChoiceField(choices=Format.choices)
    subject = forms.CharField(required=False, strip=False, widget=forms.TextInput(attrs={"size": 100}))
    preheader = forms.CharField(required=False, strip=False, widget=forms.TextInput(attrs={"size": 100}))
    source = forms.CharField(strip=False, widget=forms.Textarea(attrs={"rows": 30, "cols": 120, "spellcheck": "false"}))
    text_source = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 120}),
        help_text="Empty: the plain text part is made from the HTML.",
    )
    note = forms.CharField(required=False, max_length=200, help_text="What changed?")
    base_number = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Template
        fields = ["workspace", "name", "category", "description"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        version = self.instance.current_version if self.instance.pk else None
        if version is None:
            self.initial.setdefault("source", BLANK_SOURCES[Format.MJML])
            return
        for name in CONTENT:
            self.initial[name] = getattr(version, name)
        self.initial["base_number"] = version.number

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        category, workspace = data.get("category"), data.get("workspace") or self.instance.workspace
        if category is not None and category.workspace_id != workspace.pk:
            self.add_error("category", "This category belongs to another workspace.")
        try:
            check(self.content)
        except TemplateError as error:
            for found in error.problems[:20]:
                self.add_error(found.part, f"Line {found.line}, column {found.column}: {found.message}")
        current = self.instance.current_version if self.instance.pk else None
        if current is not None and data.get("base_number") not in (None, current.number):
            self.add_error(None, StaleVersionError(current.number, str(current.created_by or "")).message)
        return data

    @property
    def content(self) -> Content:
        """The content as it was sent."""
        values = {name: str(self.cleaned_data.get(name, "")).replace("\r\n", "\n") for name in CONTENT}
        return Content(**values)


class VersionInline(admin.TabularInline):
    model = TemplateVersion
    fk_name = "template"
    fields = readonly_fields = ("number", "format", "subject", "note", "created_by", "created_at")
    extra = 0
    can_delete = False
    show_change_link = True
    ordering = ["-number"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Template)
class TemplateAdmin(admin.ModelAdmin):
    form = TemplateAdminForm
    list_display = ["name", "workspace", "category", "version", "is_in_library", "updated_at"]
    list_filter = ["workspace", "category", ("archived_at", admin.EmptyFieldListFilter), "current_version__format"]
    list_select_related = ["workspace", "category", "current_version"]
    search_fields = ["name", "description", "current_version__subject"]
    readonly_fields = ["shared_with", "archived_at", "created_by", "created_at", "updated_at"]
    autocomplete_fields = ["category"]
    date_hierarchy = "updated_at"
    inlines = [VersionInline]
    actions = ["archive", "unarchive", "duplicate"]
    fieldsets = [
        (None, {"fields": ["workspace", "name", "category", "description"]}),
        ("Content", {"fields": [*CONTENT, "note", "base_number"]}),
        (
            "State",
            {
                "fields": ["shared_with", "archived_at", "created_by", "created_at", "updated_at"],
                "classes": ["collapse"],
            },
        ),
    ]

    @admin.display(description="Shared with")
    def shared_with(self, template: Template) -> str:
        return team.shares_in_words(template) if template.pk else "—"

    @admin.display(ordering="current_version__number")
    def version(self, template: Template) -> str:
        return str(template.current_version) if template.current_version else "—"

    @admin.display(boolean=True, description="In the library")
    def is_in_library(self, template: Template) -> bool:
        return template.archived_at is None

    def get_readonly_fields(self, request: HttpRequest, obj: Template | None = None) -> list[str]:
        return [*self.readonly_fields, *(["workspace"] if obj else [])]

    def get_inlines(self, request: HttpRequest, obj: Template | None) -> list[Any]:
        return [VersionInline] if obj else []

    def save_model(self, request: HttpRequest, obj: Template, form: Any, change: bool) -> None:
        content = {name: getattr(form.content, name) for name in CONTENT}
        details = {name: form.cleaned_data[name] for name in ("name", "category", "description")}
        note, user = form.cleaned_data["note"], request.user
        if not change:
            workspace = form.cleaned_data["workspace"]
            made = services.create_template(workspace=workspace, user=user, note=note, **details, **content)  # type: ignore[arg-type]
            obj.pk = made.pk
            obj.refresh_from_db()
            return
        base_number = form.cleaned_data["base_number"] or selectors.current_version(obj).number
        services.save_version(obj, base_number=base_number, note=note, user=user, **content)  # type: ignore[arg-type]
        services.update_template(selectors.template_in(obj.workspace, obj.pk), **details)
        obj.refresh_from_db()

    def has_delete_permission(self, request: HttpRequest, obj: Template | None = None) -> bool:
        # Archived instead: campaigns and sent mail point at versions.
        return False

    @admin.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        for template in queryset:
            services.archive_template(template)
        messages.success(request, "Archived.")

    @admin.action(description="Bring back to the library", permissions=["change"])
    def unarchive(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        for template in queryset:
            services.unarchive_template(template)
        messages.success(request, "Back in the library.")

    @admin.action(description="Duplicate", permissions=["add"])
    def duplicate(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        copies = [services.duplicate_template(template, user=request.user) for template in queryset]  # type: ignore[arg-type]
        messages.success(request, f"Copied: {', '.join(str(copy) for copy in copies)}.")


@admin.register(TemplateVersion)
class TemplateVersionAdmin(admin.ModelAdmin):
    """Versions are immutable: they are only looked at, and restored."""

    list_display = ["template", "number", "format", "subject", "note", "created_by", "created_at"]
    list_filter = ["template__workspace", "format"]
    list_select_related = ["template", "created_by"]
    search_fields = ["template__name", "subject", "note"]
    date_hierarchy = "created_at"
    actions = ["restore"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TemplateVersion | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TemplateVersion | None = None) -> bool:
        return False

    def has_restore_permission(self, request: HttpRequest) -> bool:
        """Restoring writes a new version of a template."""
        return request.user.has_perm("templates_lib.change_template")

    @admin.action(description="Restore as the current version", permissions=["restore"])
    def restore(self, request: HttpRequest, queryset: QuerySet[TemplateVersion]) -> None:
        for version in queryset.select_related("template"):
            services.restore_version(version.template, number=version.number, user=request.user)  # type: ignore[arg-type]
        messages.success(request, "Restored as new versions.")


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ["name", "workspace", "templates_in_it"]
    list_filter = ["workspace"]
    list_select_related = ["workspace"]
    search_fields = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        categories: QuerySet[Category] = super().get_queryset(request)
        return categories.annotate(template_count=Count("templates", filter=Q(templates__archived_at=None)))

    @admin.display(description="Templates", ordering="template_count")
    def templates_in_it(self, category: Category) -> int:
        return int(getattr(category, "template_count", 0))


@admin.register(Asset)
class AssetAdmin(admin.ModelAdmin):
    list_display = ["name", "workspace", "size", "kilobytes", "created_by", "created_at"]
    list_filter = ["workspace"]
    list_select_related = ["workspace", "created_by"]
    search_fields = ["name"]
    date_hierarchy = "created_at"
    fields = readonly_fields = ("workspace", "name", "address", "size", "bytes", "created_by", "created_at")

    @admin.display(description="Pixels")
    def size(self, asset: Asset) -> str:
        return f"{asset.width} × {asset.height}"

    @admin.display(description="kB", ordering="bytes")
    def kilobytes(self, asset: Asset) -> str:
        return f"{asset.bytes / 1000:.0f}"

    @admin.display
    def address(self, asset: Asset) -> SafeString:
        url = selectors.asset_url(asset)
        return format_html('<a href="{}">{}</a>', url, url)

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Uploads are checked by the library's own page and the API.
        return False

    def delete_model(self, request: HttpRequest, obj: Asset) -> None:
        services.delete_asset(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Asset]) -> None:
        for asset in queryset:
            services.delete_asset(asset)
