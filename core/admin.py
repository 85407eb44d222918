from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from core import facts
from core.models import Fact, FactCursor, FactFailure


class ReadOnlyAdmin(admin.ModelAdmin):
    """For what the world or the machinery wrote: to look at, never to change."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Fact)
class FactAdmin(ReadOnlyAdmin):
    list_display = ["position", "kind", "workspace_id", "occurred_at", "recorded_at"]
    list_filter = ["kind", "occurred_at", ("position", admin.EmptyFieldListFilter)]
    search_fields = ["=position", "=id"]
    search_help_text = "A position or an id."
    ordering = ["-id"]


@admin.register(FactCursor)
class FactCursorAdmin(ReadOnlyAdmin):
    list_display = ["handler", "position"]


@admin.register(FactFailure)
class FactFailureAdmin(ReadOnlyAdmin):
    list_display = ["handler", "fact", "attempts", "retry_at", "error"]
    list_filter = ["handler"]
    list_select_related = ["fact"]
    search_fields = ["handler", "error"]
    ordering = ["retry_at"]
    actions = ["retry_now"]

    @admin.action(description="Try the selected ones again now", permissions=["view"])
    def retry_now(self, request: HttpRequest, queryset: QuerySet[FactFailure]) -> None:
        count = facts.retry_now(list(queryset.values_list("pk", flat=True)))
        self.message_user(request, f"{count} will be tried again within a second or two.")
