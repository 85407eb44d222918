from django.contrib import admin
from django.http import HttpRequest

from integrations.models import IdempotencyKey


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
