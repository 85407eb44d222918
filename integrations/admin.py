from django.contrib import admin
from django.http import HttpRequest

from core.admin import ReadOnlyAdmin
from integrations.models import EventSource, IdempotencyKey


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(admin.ModelAdmin):
    """Keys and what became of them; the answers themselves are not shown."""

    list_display = ["key", "workspace", "status", "created_at"]
    list_filter = ["workspace", "status"]
    search_fields = ["key"]
    fields = ["workspace", "key", "status", "content_type", "created_at"]
    date_hierarchy = "created_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: IdempotencyKey | None = None) -> bool:
        return False


@admin.register(EventSource)
class EventSourceAdmin(ReadOnlyAdmin):
    """Sources of incoming webhooks; their secrets are not shown, and made on the page of the workspace."""

    list_display = ["name", "workspace", "is_active", "received_at", "problem"]
    list_filter = ["workspace", "is_active"]
    list_select_related = ["workspace"]
    search_fields = ["name"]
    exclude = ["secret_encrypted", "token"]
