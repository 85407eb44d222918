"""How fast receiving domains take mail, and the rules for all mail of a workspace."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.admin import ReadOnlyAdmin
from delivery import services
from delivery.models import DomainPace, SendingRules


@admin.register(DomainPace)
class DomainPaceAdmin(ReadOnlyAdmin):
    list_display = ["mailbox", "domain", "per_minute", "changed_at", "last_reply"]
    list_filter = ["mailbox"]
    list_select_related = ["mailbox"]
    search_fields = ["domain"]


@admin.register(SendingRules)
class SendingRulesAdmin(admin.ModelAdmin):
    list_display = ["workspace", "quiet_from", "quiet_until", "most_messages", "most_days"]
    list_select_related = ["workspace"]

    def get_readonly_fields(self, request: HttpRequest, obj: SendingRules | None = None) -> list[str]:
        return ["workspace"] if obj else []

    def save_model(self, request: HttpRequest, obj: SendingRules, form: Any, change: bool) -> None:
        values = {name: value for name, value in form.cleaned_data.items() if name != "workspace"}
        services.set_sending_rules(workspace=obj.workspace, **values)
