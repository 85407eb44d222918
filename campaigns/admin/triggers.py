from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from campaigns import services
from campaigns.admission import REASONS
from campaigns.models import Arrival, Campaign, HoldoutGroup, SignUp, SignUpForm, Status, Trigger
from campaigns.triggers import trigger_document
from core.admin import ReadOnlyAdmin, RefusableAdmin


@admin.register(Trigger)
class TriggerAdmin(RefusableAdmin):
    """What lets contacts into triggered campaigns: changed while the campaign is a draft, made and deleted with it."""

    fields = [
        *(
            "campaign",
            "workspace",
            "kind",
            "event",
            "where",
            "list",
            "segment",
            "form",
            "field",
            "days",
            "at",
            "yearly",
        ),
        *("source", "outcome", "include_current", "reentry", "entry_property", "gap", "entry_filter"),
        *("is_live", "since", "looked_at", "look_at"),
    ]
    readonly_fields = ["campaign", "workspace", "is_live", "since", "looked_at", "look_at"]
    raw_id_fields = ["list", "segment", "form", "source"]
    list_display = ["campaign", "workspace", "kind", "event", "reentry", "is_live", "since", "looked_at"]
    list_filter = ["kind", "is_live", "workspace"]
    list_select_related = ["campaign", "workspace"]
    search_fields = ["campaign__name", "event"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Trigger | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Trigger | None = None) -> bool:
        is_open = obj is None or not obj.campaign_id or obj.campaign.status == Status.DRAFT
        return is_open and bool(super().has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Trigger, form: Any, change: bool) -> None:
        """Change the draft by its service; settings of another kind than the chosen one are left out."""
        campaign = Campaign.objects.get(pk=obj.campaign_id)
        services.update_campaign(campaign, changes={"trigger": trigger_document(obj)}, actor=str(request.user))


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


@admin.register(HoldoutGroup)
class HoldoutGroupAdmin(ReadOnlyAdmin):
    """Whom a workspace held out of all campaigns, and when; set on its page."""

    list_display = ["workspace", "share", "renew_months", "since", "until"]
    list_filter = ["workspace"]
    list_select_related = ["workspace"]
