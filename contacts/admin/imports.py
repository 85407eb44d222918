"""Imports and the rows that they rejected."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contacts import services
from contacts.models import Import, ImportRejection
from core.admin import ReadOnlyAdmin
from core.exceptions import DomainError


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    list_display = [
        "file_name",
        "workspace",
        "status",
        "progress",
        "processed",
        "created",
        "updated",
        "rejected",
        "created_at",
    ]
    list_filter = ["status", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["file_name"]
    date_hierarchy = "created_at"
    actions = ["cancel", "resume"]

    @admin.display(description="progress")
    def progress(self, source: Import) -> SafeString:
        share = round(100 * source.processed_bytes / source.total_bytes) if source.total_bytes else 0
        return format_html('<progress max="100" value="{}" aria-label="Progress"></progress>', share)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request)

    @admin.action(description="Cancel the imports", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Import]) -> None:
        for source in queryset:
            try:
                services.cancel_import(source)
            except DomainError as error:
                self.message_user(request, f"{source}: {error.message}", messages.WARNING)
            else:
                self.message_user(request, f"{source} was cancelled.")

    @admin.action(description="Hand the imports to a worker again", permissions=["cancel"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Import]) -> None:
        count = services.enqueue_imports(queryset.values_list("pk", flat=True))
        self.message_user(request, f"{count:,} unfinished imports were queued.")


@admin.register(ImportRejection)
class ImportRejectionAdmin(ReadOnlyAdmin):
    list_display = ["source", "line", "reason"]
    list_filter = ["source__workspace"]
    list_select_related = ["source"]
    search_fields = ["reason"]
    show_full_result_count = False
