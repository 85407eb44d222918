from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from campaigns.admin.findings import findings_list
from campaigns.models import Check


@admin.register(Check)
class CheckAdmin(admin.ModelAdmin):
    """The checks that were run; started from a campaign."""

    list_display = ["campaign", "campaign_version", "status", "recipients", "rendered", "started_at", "finished_at"]
    list_filter = ["status", "campaign__workspace"]
    list_select_related = ["campaign"]
    search_fields = ["campaign__name"]
    fields = readonly_fields = (
        *("campaign", "campaign_version", "status", "recipients", "suppressed", "rendered"),
        *("shown_findings", "error", "started_at", "finished_at"),
    )

    @admin.display(description="findings")
    def shown_findings(self, check: Check) -> SafeString:
        return findings_list(check.findings)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Check | None = None) -> bool:
        return False
