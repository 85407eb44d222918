from django.contrib import admin

from abtests.models import Assignment, Experiment, ExperimentBatch, Look, Variant
from core.admin import ReadOnlyAdmin


class ReadOnlyInline(admin.TabularInline):
    """Shown with its test, and never changed here: the services own it."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_change_permission(self, *_: object) -> bool:
        return False


class VariantInline(ReadOnlyInline):
    model = Variant
    fields = ["position", "name", "subject", "from_name", "send_at", "stopped_at"]
    readonly_fields = ["position", "name", "subject", "from_name", "send_at", "stopped_at"]


class BatchInline(ReadOnlyInline):
    model = ExperimentBatch
    fields = ["number", "release_at", "released_at", "size", "weights", "matured_at"]
    readonly_fields = ["number", "release_at", "released_at", "size", "weights", "matured_at"]


@admin.register(Experiment)
class ExperimentAdmin(ReadOnlyAdmin):
    """A/B tests with their versions and parts; planned in the product, decided by their looks or on their page."""

    list_display = ["name", "workspace", "state", "design", "metric", "started_at", "decided_at", "outcome"]
    list_filter = ["state", "design", "mode", "metric", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["name"]
    date_hierarchy = "created_at"
    inlines = [VariantInline, BatchInline]


@admin.register(Variant)
class VariantAdmin(ReadOnlyAdmin):
    """The versions of tests."""

    list_display = ["name", "experiment", "position", "subject", "stopped_at"]
    list_select_related = ["experiment"]
    search_fields = ["name", "subject", "experiment__name"]


@admin.register(ExperimentBatch)
class ExperimentBatchAdmin(ReadOnlyAdmin):
    """The parts in which tests go out."""

    list_display = ["number", "experiment", "release_at", "released_at", "size", "matured_at"]
    list_select_related = ["experiment"]
    search_fields = ["experiment__name"]


@admin.register(Look)
class LookAdmin(ReadOnlyAdmin):
    """Every look with its inputs, from which its verdict can be made again."""

    list_display = ["number", "experiment", "looked_at", "kind"]
    list_select_related = ["experiment"]
    search_fields = ["experiment__name"]

    @admin.display(description="verdict")
    def kind(self, look: Look) -> str:
        return str(look.verdict.get("kind", ""))


@admin.register(Assignment)
class AssignmentAdmin(ReadOnlyAdmin):
    """Who has which version; search by the number of a contact."""

    list_display = ["who", "experiment", "variant", "batch"]
    list_select_related = ["experiment", "variant"]
    search_fields = ["=contact__id"]

    @admin.display(description="contact ID")
    def who(self, assignment: Assignment) -> int:
        return assignment.contact_id
