"""Addresses that get no mail."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest

from contacts import services
from contacts.exceptions import InvalidContact
from contacts.models import Suppression
from core.admin import RefusableAdmin


class SuppressionForm(forms.ModelForm):
    class Meta:
        model = Suppression
        fields = ["workspace", "email_key", "reason", "detail"]
        labels = {"email_key": "email address"}

    def clean_email_key(self) -> str:
        email: str = self.cleaned_data["email_key"]
        try:
            checked = services.check_columns(0, {"email": email}, known={})
        except InvalidContact as error:
            raise ValidationError(error.fields["email"]) from error
        return str(checked["email_key"])


@admin.register(Suppression)
class SuppressionAdmin(RefusableAdmin):
    form = SuppressionForm
    list_display = ["email_key", "reason", "workspace", "detail", "created_at"]
    list_filter = ["reason", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["email_key"]
    show_full_result_count = False
    autocomplete_fields = ["workspace"]
    readonly_fields = ["created_at"]
    date_hierarchy = "created_at"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        services.suppress(workspace_id=obj.workspace_id, email=obj.email_key, reason=obj.reason, detail=obj.detail)
        obj.pk = Suppression.objects.get(workspace=obj.workspace_id, email_key=obj.email_key).pk

    def remove(self, obj: Any) -> None:
        services.lift_suppression(workspace_id=obj.workspace_id, email=obj.email_key)
