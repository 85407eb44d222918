from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns import selectors, services
from campaigns.admin.findings import findings_list
from campaigns.admin.steps import StepFormSet, StepInline
from campaigns.audience import size_of
from campaigns.forms import TestSendForm, zone_choices
from campaigns.models import Campaign, Check, Status
from contacts.exceptions import InvalidSegment
from contacts.models import List, Segment
from core.exceptions import DomainError
from delivery.models import Mailbox
from team import selectors as team
from team.models import User

EVERYWHERE = [ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM]
RELATIONS = ("lists", "segments", "excluded_lists", "excluded_segments", "mailboxes")
HOLDOUT = ("holdout_share", "holdout_event", "holdout_days", "is_necessary")
EDITABLE = ("name", "track_opens", "track_clicks", "send_at", "time_zone", *HOLDOUT, *RELATIONS)
READ_ONLY = (
    *(
        "status",
        "recipients",
        "progress",
        "shown_problem",
        "check_result",
        "shared_with",
        "launched_at",
        "completed_at",
    ),
)


class NewCampaignForm(forms.ModelForm):
    """What a campaign needs before anything can be chosen from its workspace."""

    class Meta:
        model = Campaign
        fields = ["workspace", "name", "kind"]


class CampaignForm(forms.ModelForm):
    """A draft, with choices from its own workspace only."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, label="")
    time_zone = forms.ChoiceField(choices=zone_choices, help_text="In which the schedule is shown to members.")

    class Meta:
        model = Campaign
        fields = [*EDITABLE]
        widgets: ClassVar = dict.fromkeys(RELATIONS, forms.CheckboxSelectMultiple)
        help_texts: ClassVar = {"send_at": "In your time zone. Empty: at once when launched."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        workspace = self.instance.workspace_id
        self.initial["seen_version"] = self.instance.version
        choices: dict[str, QuerySet[Any]] = {
            **dict.fromkeys(("lists", "excluded_lists"), List.objects.filter(workspace=workspace)),
            **dict.fromkeys(("segments", "excluded_segments"), Segment.objects.filter(workspace=workspace)),
            "mailboxes": Mailbox.objects.filter(workspace=workspace, archived_at=None),
        }
        for name, queryset in choices.items():
            field = self.fields.get(name)
            if isinstance(field, forms.ModelMultipleChoiceField):
                field.queryset = queryset

    def changes(self) -> dict[str, Any]:
        """Return what the service takes."""
        return {name: self.cleaned_data[name] for name in EDITABLE if name in self.cleaned_data}


@admin.register(Campaign)
class CampaignAdmin(admin.ModelAdmin):
    """Build a campaign, check it, test it, schedule or launch it; everything goes through the campaigns' services."""

    list_display = ["name", "workspace", "status", "kind", "progress", "send_at", "launched_at", "updated_at"]
    list_filter = ["status", "kind", "workspace"]
    list_select_related = ["workspace", "sequence", "launch"]
    search_fields = ["name"]
    date_hierarchy = "created_at"
    inlines = [StepInline]
    actions = [
        *("run_check", "send_test", "schedule", "launch", "unschedule"),
        *("pause", "resume", "cancel", "duplicate", "accept_audience"),
    ]
    readonly_fields = READ_ONLY

    # Pages

    def get_form(self, request: HttpRequest, obj: Campaign | None = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = CampaignForm if obj else NewCampaignForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Campaign | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["workspace", "name", "kind"], "description": "Everything else comes next."})]
        version = ["seen_version"] if obj.status == Status.DRAFT else []
        return [
            (None, {"fields": ["name", "workspace", "kind", "status", "shown_problem", *version]}),
            ("Audience", {"fields": ["recipients", "lists", "segments", "excluded_lists", "excluded_segments"]}),
            ("Sender", {"fields": ["mailboxes"]}),
            ("Schedule and tracking", {"fields": ["send_at", "time_zone", "track_opens", "track_clicks"]}),
            ("Held out", {"fields": [*HOLDOUT], "classes": ["collapse"]}),
            ("Check", {"fields": ["check_result"]}),
            ("Progress", {"fields": ["progress", "launched_at", "completed_at"]}),
            ("Access", {"fields": ["shared_with"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> list[str]:
        if obj is None:
            return []
        fixed = [*READ_ONLY, "workspace", "kind"]
        return fixed if obj.status == Status.DRAFT else [*fixed, *EDITABLE]

    def get_inlines(self, request: HttpRequest, obj: Campaign | None) -> list[Any]:
        return [StepInline] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        """Only drafts: the mail of a launched campaign needs it."""
        return obj is not None and obj.status == Status.DRAFT and bool(super().has_delete_permission(request, obj))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    # Saving

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        """A new campaign is made; a change waits for its relations and steps (`save_related`)."""
        if change:
            return
        made = services.create_campaign(
            workspace=obj.workspace, name=obj.name, kind=obj.kind, created_by=_user(request)
        )
        obj.__dict__.update(made.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save everything of a draft as one edit, with the version that the page was made from."""
        if not change or not isinstance(form, CampaignForm):
            return
        changes = form.changes()
        for formset in formsets:
            if isinstance(formset, StepFormSet) and formset.has_changed():
                changes["steps"] = formset.steps()
        services.update_campaign(
            form.instance, changes=changes, version=form.cleaned_data.get("seen_version"), actor=str(request.user)
        )

    def response_add(self, request: HttpRequest, obj: Campaign, post_url_continue: str | None = None) -> HttpResponse:
        """Go on with the campaign."""
        self.message_user(request, f"“{obj.name}” was made. Now choose who gets it and what.", messages.SUCCESS)
        return HttpResponseRedirect(_page(obj))

    def delete_model(self, request: HttpRequest, obj: Campaign) -> None:
        services.delete_campaign(obj)

    # What is shown

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the progress of all campaigns of the page at once."""
        page = super().get_changelist_instance(request)
        page.result_list = list(page.result_list)
        known = selectors.progress_of(page.result_list)
        for campaign in page.result_list:
            campaign.known_progress = known[campaign.pk]
        return page

    @admin.display(description="recipients now")
    def recipients(self, campaign: Campaign) -> str:
        try:
            size = size_of(campaign)
        except InvalidSegment as error:
            return error.message
        suppressed = f", and {size.suppressed:,} suppressed who get nothing" if size.suppressed else ""
        suppressed += f", {size.held_out:,} held out" if size.held_out else ""
        lost = ", ".join(f"the {each['kind']} “{each['name']}”" for each in campaign.lost_audience)
        return f"{size.recipients:,}{suppressed}{f'; deleted meanwhile: {lost}' if lost else ''}"

    @admin.display(description="progress")
    def progress(self, campaign: Campaign) -> str:
        if campaign.launched_at is None:
            return "—"
        found = getattr(campaign, "known_progress", None) or selectors.progress_of([campaign])[campaign.pk]
        return f"{found.done:,} of {found.total:,}"

    @admin.display(description="problem")
    def shown_problem(self, campaign: Campaign) -> str:
        return campaign.problem or "—"

    @admin.display(description="shared with")
    def shared_with(self, campaign: Campaign) -> str:
        return team.shares_in_words(campaign)

    @admin.display(description="last check")
    def check_result(self, campaign: Campaign) -> SafeString:
        check = selectors.latest_check(campaign)
        if check is None:
            return format_html("{}", "Not checked since the last change. Run the action “Run the check”.")
        if check.status == Check.Status.RUNNING:
            return format_html("Running: {} of {} recipients. Load the page again.", check.rendered, check.recipients)
        if check.status == Check.Status.FAILED:
            return format_html("Broke off: {}", check.error)
        return format_html("<p>{} recipients filled in.</p>{}", check.recipients, findings_list(check.findings))

    # Actions

    @admin.action(description="Run the check", permissions=["change"], location=ActionLocation.CHANGE_FORM)
    def run_check(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        def check(campaign: Campaign) -> None:
            found = services.check_campaign(campaign)
            if found.status == Check.Status.RUNNING:
                self.message_user(request, "The check runs in the background; load the page again to see it.")

        self._each(request, queryset, check, "“{name}” was checked.")

    @admin.action(description="Send a test…", permissions=["change"], location=ActionLocation.CHANGE_FORM)
    def send_test(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> HttpResponse | None:
        form = TestSendForm(
            request.POST if "confirmed" in request.POST else None, initial={"to": str(_user(request).email)}
        )
        if form.is_bound and form.is_valid():
            addresses: list[str] = form.cleaned_data["to"]
            self._each(
                request,
                queryset,
                lambda campaign: services.send_test(campaign, to=addresses),
                f"A test of “{{name}}” is on its way to {', '.join(addresses)}.",
            )
            return None
        return self._ask(request, queryset, "Send a test", "Send test", form=form)

    @admin.action(description="Schedule…", permissions=["change"], location=ActionLocation.CHANGE_FORM)
    def schedule(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._ask(request, queryset, "Schedule", "Schedule", checks=True)
        accept = "accept_warnings" in request.POST
        self._each(
            request,
            queryset,
            lambda campaign: services.schedule_campaign(campaign, accept_warnings=accept),
            "“{name}” is scheduled.",
        )
        return None

    @admin.action(description="Launch now…", permissions=["change"], location=ActionLocation.CHANGE_FORM)
    def launch(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._ask(request, queryset, "Launch", "Launch now", checks=True)
        accept = "accept_warnings" in request.POST
        self._each(
            request,
            queryset,
            lambda campaign: services.launch_campaign(campaign, accept_warnings=accept),
            "“{name}” is on its way.",
        )
        return None

    @admin.action(description="Back to draft", permissions=["change"], location=EVERYWHERE)
    def unschedule(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._each(request, queryset, services.unschedule_campaign, "“{name}” is a draft again.")

    @admin.action(description="Go on without deleted lists and segments", permissions=["change"], location=EVERYWHERE)
    def accept_audience(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        def accept(campaign: Campaign) -> None:
            services.update_campaign(campaign, changes={"lost_audience": []}, actor=str(request.user))

        self._each(request, queryset, accept, "“{name}” goes to what is left of its audience.")

    @admin.action(description="Pause", permissions=["change"], location=EVERYWHERE)
    def pause(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._each(request, queryset, services.pause_campaign, "“{name}” is paused.")

    @admin.action(description="Resume", permissions=["change"], location=EVERYWHERE)
    def resume(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._each(request, queryset, services.resume_campaign, "“{name}” goes on.")

    @admin.action(description="Cancel…", permissions=["change"], location=EVERYWHERE)
    def cancel(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._ask(request, queryset, "Cancel", "Cancel for good")
        self._each(request, queryset, services.cancel_campaign, "“{name}” is cancelled.")
        return None

    @admin.action(description="Duplicate", permissions=["add"], location=EVERYWHERE)
    def duplicate(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> HttpResponse | None:
        copies = [services.duplicate_campaign(campaign, created_by=_user(request)) for campaign in queryset]
        self.message_user(request, f"{len(copies)} copied as new drafts.", messages.SUCCESS)
        return HttpResponseRedirect(_page(copies[0])) if len(copies) == 1 else None

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Campaign], move: Callable[[Campaign], Any], done: str
    ) -> None:
        for campaign in queryset.select_related("workspace", "sequence"):
            try:
                move(campaign)
            except DomainError as error:
                details = [text for texts in error.fields.values() for text in texts if text != error.message]
                self.message_user(request, " ".join([f"{campaign.name}: {error.message}", *details]), messages.ERROR)
            else:
                self.message_user(request, done.format(name=campaign.name), messages.SUCCESS)

    def _ask(
        self,
        request: HttpRequest,
        queryset: QuerySet[Campaign],
        title: str,
        button: str,
        *,
        form: forms.Form | None = None,
        checks: bool = False,
    ) -> TemplateResponse:
        """Show what would happen, with a button that does it."""
        asked = [(name, value) for name, values in request.POST.lists() for value in values if _asks(name)]
        rows = [
            {
                "campaign": campaign,
                "recipients": self.recipients(campaign),
                "check": self.check_result(campaign) if checks else "",
                "has_warnings": checks and bool((found := selectors.latest_check(campaign)) and found.has_warnings),
            }
            for campaign in queryset.select_related("workspace", "sequence")
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{title}?",
            "button": button,
            "rows": rows,
            "asked": asked,
            "form": form,
            "warnings": any(row["has_warnings"] for row in rows),
            "times": title == "Schedule",
        }
        return TemplateResponse(request, "admin/campaigns/campaign/ask.html", context)


def _asks(name: str) -> bool:
    return name in ("action", "CHANGE_FORM-action", "_selected_action", "select_across", "index")


def _page(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets nobody else in
    return request.user
