from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from core import facts
from core.exceptions import DomainError
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


class RefusableAdmin(admin.ModelAdmin):
    """Writes and deletes by services, one or many at once; a refusal changes nothing and becomes a message."""

    def remove(self, obj: Any) -> None:
        """Delete one by its service."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.remove(obj)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            return self._refused(request, error)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().changelist_view(request, extra_context)
        except DomainError as error:
            return self._refused(request, error)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            return self._refused(request, error)

    def _refused(self, request: HttpRequest, error: DomainError) -> HttpResponse:
        details = [text for texts in error.fields.values() for text in texts if text != error.message]
        self.message_user(request, " ".join([error.message, *details]), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


def name_fields(model: type[Model], **names: str) -> None:
    """Give fields the names that people read, where the model's own can't be changed without a migration.

    Django keeps what the model says beside what is shown, so that no migration notices.
    """
    for field, name in names.items():
        model._meta.get_field(field).verbose_name = name  # type: ignore[union-attr]  # no relation from elsewhere is named


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
