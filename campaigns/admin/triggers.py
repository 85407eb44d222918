from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from campaigns import services
from campaigns.admission import REASONS
from campaigns.models import Arrival, SignUp, SignUpForm, Trigger
from core.admin import ReadOnlyAdmin, RefusableAdmin


@admin.register(Trigger)
class TriggerAdmin(ReadOnlyAdmin):
    """What lets contacts into triggered campaigns; changed on the campaign's checklist or by the API."""

    list_display = ["campaign", "workspace", "kind", "event", "reentry", "is_live", "since", "looked_at"]
    list_filter = ["kind", "is_live", "workspace"]
    list_select_related = ["campaign", "workspace"]
    search_fields = ["campaign__name", "event"]


@admin.register(Arrival)
class ArrivalAdmin(ReadOnlyAdmin):
    """Who was called and hasn't entered, and why."""

    list_display = ["contact_id", "trigger", "state", "why", "arrived_at", "try_at"]
    list_filter = ["state", "reason"]
    list_select_related = ["trigger"]
    search_fields = ["=contact_id"]
    show_full_result_count = False

    @admin.display(description="why")
    def why(self, arrival: Arrival) -> str:
        return REASONS.get(arrival.reason, arrival.reason)


@admin.register(SignUpForm)
class SignUpFormAdmin(RefusableAdmin):
    list_display = ["name", "workspace", "double_opt_in", "is_open", "updated_at"]
    list_filter = ["workspace", "is_open"]
    list_select_related = ["workspace"]
    search_fields = ["name", "title"]
    readonly_fields = ["token", "created_at", "updated_at"]
    raw_id_fields = ["workspace", "mailbox", "lists"]

    def save_model(self, request: HttpRequest, obj: SignUpForm, form: Any, change: bool) -> None:
        lists = list(form.cleaned_data.get("lists", ()))
        obj.pk = services.save_form(workspace=obj.workspace, form=obj, lists=lists).pk

    def remove(self, obj: Any) -> None:
        services.delete_form(obj)


@admin.register(SignUp)
class SignUpAdmin(ReadOnlyAdmin):
    """Who filled a form in, and agreed to what."""

    list_display = ["email", "form", "submitted_at", "confirmed_at", "ip"]
    list_filter = ["form"]
    list_select_related = ["form"]
    search_fields = ["=email"]
