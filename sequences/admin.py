from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from core.exceptions import DomainError
from sequences import selectors, services
from sequences.forms.drafts import DraftForm
from sequences.models import (
    Decision,
    Enrolment,
    Intervention,
    OutboxItem,
    OutboxState,
    Publication,
    Sequence,
    Step,
    Version,
)


def _short(value: object) -> str:
    text = "—" if value in (None, "") else str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


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
    fields = readonly_fields = ("number", "published_at", "reach")
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Version]:
        versions: QuerySet[Version] = super().get_queryset(request)
        return versions.select_related("publication")

    @admin.display(description="how it reached people", empty_value="")
    def reach(self, version: Version) -> str | None:
        found: Publication | None = getattr(version, "publication", None)
        return f"{found.get_policy_display()}: {found.moved:,} of {found.people:,}, by {found.by}" if found else None


class StepInline(ReadOnlyInline):
    model = Step
    fields = readonly_fields = (
        "lane", "position", "key", "kind", "wait", "config", "template_version", "subject", "mailing",
    )  # fmt: skip
    ordering = ["lane", "position"]


class PublicationInline(ReadOnlyInline):
    model = Publication
    fields = readonly_fields = ("policy", "by", "people", "moved", "published_at", "moved_at", "finished_at")


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
    """What is live never changes; a draft's steps are changed as a document, or in the builder."""

    form = DraftForm

    list_display = ["sequence", "number", "published_at"]
    list_filter = ["sequence__workspace", ("published_at", admin.EmptyFieldListFilter)]
    list_select_related = ["sequence"]
    search_fields = ["sequence__name"]
    readonly_fields = ["sequence", "number", "published_at", "revision", "differences"]
    inlines = [PublicationInline, StepInline]

    def has_change_permission(self, request: HttpRequest, obj: Version | None = None) -> bool:
        """Drafts alone, by whoever may change versions."""
        allowed = bool(super(ReadOnlyAdmin, self).has_change_permission(request, obj))
        return obj is not None and obj.published_at is None and allowed

    def get_fieldsets(self, request: HttpRequest, obj: Version | None = None) -> Any:
        editable = ["document", "seen"] if self.has_change_permission(request, obj) else []
        return [(None, {"fields": [*self.readonly_fields, *editable]})]

    def save_model(self, request: HttpRequest, obj: Version, form: Any, change: bool) -> None:
        """Replace the steps, as one edit of the draft."""
        given = form.cleaned_data
        services.replace_draft(obj.sequence, steps=given["document"], revision=given["seen"], actor=str(request.user))

    @admin.display(description="changed against the version before")
    def differences(self, version: Version) -> SafeString | str:
        """Each step that differs, with what happened to it."""
        before = Version.objects.filter(sequence=version.sequence_id, number__lt=version.number).first()
        if before is None:
            return "The first version."
        diff = selectors.diff_versions(before, version)
        lines = [
            (
                word,
                step.title,
                step.place,
                "; ".join(f"{c.name}: {_short(c.before)} → {_short(c.after)}" for c in step.fields),
            )
            for word in ("added", "removed", "moved", "changed")
            for step in getattr(diff, word)
        ]
        return format_html_join(mark_safe("<br>"), "{}: {} ({}) {}", lines) or "Nothing differs."


class EnrolmentActionForm(ActionForm):
    """The action, and the step that people are moved to."""

    step = forms.CharField(required=False, max_length=20, label="Step’s key")


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
    actions = ["stop", "skip", "restart", "move"]
    action_form = EnrolmentActionForm

    @admin.action(description="Stop the selected ways", permissions=["view"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Enrolment]) -> None:
        """End the ways by hand, with the mail that waits."""
        self._do(request, queryset, services.stop_people, "stopped")

    @admin.action(description="Skip the wait", permissions=["view"])
    def skip(self, request: HttpRequest, queryset: QuerySet[Enrolment]) -> None:
        """Let them go on from the wait at which they stand."""
        self._do(request, queryset, services.skip_waits, "go on")

    @admin.action(description="Start again", permissions=["view"])
    def restart(self, request: HttpRequest, queryset: QuerySet[Enrolment]) -> None:
        """Let them begin anew, in a new round."""
        self._do(request, queryset, services.restart_people, "begin anew")

    @admin.action(description="Move to the step (give its key)", permissions=["view"])
    def move(self, request: HttpRequest, queryset: QuerySet[Enrolment]) -> None:
        """Put them on another step, as if they came there now."""
        step = request.POST.get("step", "").strip()
        if not step:
            self.message_user(request, "Give the key of the step beside the action.", messages.ERROR)
            return
        self._do(request, queryset, partial(services.move_people, to=step), "moved")

    def _do(
        self, request: HttpRequest, queryset: QuerySet[Enrolment], deed: Callable[..., services.Done], done: str
    ) -> None:
        """Call the service for each sequence among those selected, and say what came of it."""
        by_sequence: dict[Sequence, list[int]] = defaultdict(list)
        for enrolment in queryset.select_related("sequence__live_version").order_by("pk")[: services.MOST_AT_ONCE]:
            by_sequence[enrolment.sequence].append(enrolment.pk)
        for sequence, ids in by_sequence.items():
            try:
                found = deed(sequence=sequence, enrolment_ids=ids)
            except DomainError as error:
                self.message_user(request, f"{sequence}: {error.message}", messages.ERROR)
                continue
            self.message_user(request, f"{sequence}: {found.changed:,} {done}.")
            for why, count in found.reasons:
                self.message_user(request, f"{sequence}: {count:,} left as they are. {why}", messages.WARNING)

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


@admin.register(Intervention)
class InterventionAdmin(ReadOnlyAdmin):
    """What was done by hand to people on their way."""

    list_display = ["id", "sequence", "deed", "to_step", "people", "made_at", "undone_at"]
    list_filter = ["deed", "sequence__workspace"]
    list_select_related = ["sequence"]
    show_full_result_count = False
    actions = ["undo"]

    @admin.action(description="Take back", permissions=["view"])
    def undo(self, request: HttpRequest, queryset: QuerySet[Intervention]) -> None:
        """Put everybody back who stands where the deed has put them."""
        for intervention in queryset.select_related("sequence").order_by("-pk")[:20]:
            try:
                back = services.undo_intervention(intervention)
            except DomainError as error:
                self.message_user(request, f"{intervention}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, f"{intervention}: taken back for {back:,}.")
