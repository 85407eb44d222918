"""Segments."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from contacts import selectors, services
from contacts.models import Segment
from core.admin import RefusableAdmin
from core.exceptions import DomainError


class SegmentForm(forms.ModelForm):
    class Meta:
        model = Segment
        fields = ["workspace", "name", "definition"]

    def clean_definition(self) -> Any:
        workspace = self.instance.workspace if self.instance.pk else self.cleaned_data.get("workspace")
        if workspace is None:
            return self.cleaned_data["definition"]
        try:
            return selectors.checked_definition(workspace.pk, self.cleaned_data["definition"])
        except DomainError as error:
            raise ValidationError(error.message) from error


@admin.register(Segment)
class SegmentAdmin(RefusableAdmin):
    form = SegmentForm
    list_display = ["name", "workspace", "updated_at"]
    list_filter = ["workspace"]
    list_select_related = ["workspace"]
    search_fields = ["name"]
    autocomplete_fields = ["workspace"]
    readonly_fields = ["matches", "created_at", "updated_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        return [*self.readonly_fields, *(["workspace"] if obj else [])]

    @admin.display(description="contacts now")
    def matches(self, segment: Segment) -> str:
        if not segment.pk:
            return "—"
        try:
            count = selectors.count_matching(segment.workspace, segment.definition)
        except DomainError as error:
            return error.message
        return "too many to count" if count is None else f"{count:,}"

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        if change:
            services.update_segment(obj, name=obj.name, definition=obj.definition)
        else:
            made = services.create_segment(workspace=obj.workspace, name=obj.name, definition=obj.definition)
            obj.pk = made.pk

    def remove(self, obj: Any) -> None:
        services.delete_segment(obj)
