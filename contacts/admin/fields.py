"""Custom fields."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from contacts import services
from contacts.admin.base import refuse
from contacts.models import ContactField
from core.admin import RefusableAdmin
from core.exceptions import DomainError


@admin.register(ContactField)
class ContactFieldAdmin(RefusableAdmin):
    list_display = ["label", "key", "type", "workspace", "created_at"]
    list_filter = ["type", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["label", "key"]
    autocomplete_fields = ["workspace"]

    class Form(forms.ModelForm):
        class Meta:
            model = ContactField
            fields = ["workspace", "label", "key", "type", "choices"]

        def clean(self) -> dict[str, Any]:
            data: dict[str, Any] = super().clean() or {}
            if self.errors:
                return data
            try:
                if self.instance.pk:
                    stored = ContactField.objects.get(pk=self.instance.pk)
                    services.check_field_change(stored, label=data["label"], choices=data.get("choices") or [])
                else:
                    services.check_field(
                        workspace=data["workspace"],
                        label=data["label"],
                        type_=data["type"],
                        key=data["key"],
                        choices=data.get("choices") or [],
                    )
            except DomainError as error:
                refuse(self, error)
            return data

    form = Form

    def get_readonly_fields(self, request: HttpRequest, obj: ContactField | None = None) -> list[str]:
        return ["workspace", "key", "type", "created_at"] if obj else ["created_at"]

    def save_model(self, request: HttpRequest, obj: ContactField, form: Any, change: bool) -> None:
        if change:
            services.update_field(ContactField.objects.get(pk=obj.pk), label=obj.label, choices=obj.choices)
        else:
            made = services.create_field(
                workspace=obj.workspace, label=obj.label, type_=obj.type, key=obj.key, choices=obj.choices
            )
            obj.pk = made.pk

    def remove(self, obj: Any) -> None:
        services.delete_field(obj)
