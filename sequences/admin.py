from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from sequences import services
from sequences.models import Decision, Enrolment, OutboxItem, OutboxState, Sequence, Step, Version


class ReadOnlyAdmin(admin.ModelAdmin):
    """Watched here, changed by the campaign."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class VersionInline(ReadOnlyInline):
    model = Version
    fields = readonly_fields = ("number", "published_at")
    show_change_link = True


class StepInline(ReadOnlyInline):
    model = Step
    fields = readonly_fields = (
        "lane", "position", "key", "kind", "wait", "config", "template_version", "subject", "mailing",
    )  # fmt: skip
    ordering = ["lane", "position"]


class DecisionInline(ReadOnlyInline):
    model = Decision
    fields = readonly_fields = ("step_key", "rotation", "lane", "inputs", "decided_at")


class OutboxInline(ReadOnlyInline):
    model = OutboxItem
    fields = readonly_fields = ("step_key", "rotation", "kind", "target", "state", "attempts", "error", "finished_at")


@admin.register(Sequence)
class SequenceAdmin(ReadOnlyAdmin):
    list_display = ["name", "workspace", "state", "live_version", "created_at", "closed_at"]
    list_filter = ["state", "workspace"]
    list_select_related = ["workspace", "live_version"]
    search_fields = ["name"]
    inlines = [VersionInline]


@admin.register(Version)
class VersionAdmin(ReadOnlyAdmin):
    list_display = ["sequence", "number", "published_at"]
    list_filter = ["sequence__workspace", ("published_at", admin.EmptyFieldListFilter)]
    list_select_related = ["sequence"]
    search_fields = ["sequence__name"]
    inlines = [StepInline]


@admin.register(Enrolment)
class EnrolmentAdmin(ReadOnlyAdmin):
    """Who is on the way.  The table may hold millions of rows, so nothing here counts them all."""

    list_display = ["id", "contact", "sequence", "step_key", "state", "reason", "due_at", "enrolled_at"]
    list_filter = ["state"]
    list_select_related = ["contact", "sequence"]
    search_fields = ["=contact__email_key"]
    search_help_text = "The whole address, in lower case."
    ordering = ["-id"]
    show_full_result_count = False
    inlines = [DecisionInline, OutboxInline]
    actions = ["stop"]

    @admin.action(description="Stop the selected ways", permissions=["view"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Enrolment]) -> None:
        """End the ways by hand, with the mail that waits."""
        stopped = services.stop_enrolments(enrolment_ids=list(queryset.values_list("pk", flat=True)), reason="manual")
        self.message_user(request, f"{stopped} stopped.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enrolment]:
        enrolments: QuerySet[Enrolment] = super().get_queryset(request)
        return enrolments.select_related("contact", "sequence", "mailbox", "version")


@admin.register(OutboxItem)
class OutboxItemAdmin(ReadOnlyAdmin):
    """What actions tell others; what has failed can be tried anew."""

    list_display = [
        "id",
        "workspace",
        "kind",
        "target",
        "state",
        "attempts",
        "status",
        "error",
        "due_at",
        "finished_at",
    ]
    list_filter = ["state", "kind", "workspace"]
    list_select_related = ["workspace"]
    show_full_result_count = False
    actions = ["retry"]

    @admin.action(description="Try again", permissions=["view"])
    def retry(self, request: HttpRequest, queryset: QuerySet[OutboxItem]) -> None:
        """Let failed items be tried anew."""
        ids = list(queryset.filter(state=OutboxState.FAILED).values_list("pk", flat=True))
        self.message_user(request, f"{services.retry_items(item_ids=ids)} are tried again.")
