"""Pages of mailboxes: the list, the form, the pace, the workspace's sending rules."""

from typing import Any

from django.contrib import messages
from django.forms.models import model_to_dict
from django.http import HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.exceptions import DomainError
from core.forms import add_refusal
from delivery import charts, selectors, services
from delivery.forms import MailboxForm, RulesForm
from delivery.models import Mailbox
from delivery.presets import PRESETS, preset_of
from delivery.views.pages import show
from frontend.htmx import redirect
from team.access import Capability, MemberRequest, member_view, require


@member_view(Capability.VIEW)
@require_GET
def mailboxes(request: MemberRequest) -> HttpResponseBase:
    """The mailboxes with their status and the last day's numbers."""
    found = list(selectors.mailboxes_in(request.workspace).select_related("api_account"))
    health = selectors.mailbox_health([mailbox.pk for mailbox in found])
    rows = [(mailbox, health[mailbox.pk]) for mailbox in found]
    return show(request, "delivery/mailboxes.html", {"rows": rows})


@member_view(Capability.MANAGE)
@require_http_methods(["GET", "POST"])
def new_mailbox(request: MemberRequest) -> HttpResponseBase:
    """Add a mailbox, perhaps from a provider's preset."""
    preset = preset_of(request.GET.get("preset", ""))
    form = MailboxForm(request.POST or None, preset=preset)
    if form.is_valid():
        try:
            made = services.create_mailbox(workspace=request.workspace, **form.values())
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, f"{made.from_email} was added.")
            return redirect(request, "delivery:mailboxes")
    context = {"form": form, "preset": preset, "presets": PRESETS}
    return show(request, "delivery/mailbox_form.html", context, partial="form", status=422 if form.is_bound else 200)


@member_view(Capability.MANAGE)
@require_http_methods(["GET", "POST"])
def edit_mailbox(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """Change a mailbox."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    form = MailboxForm(request.POST or None, mailbox=mailbox)
    if form.is_valid():
        try:
            services.update_mailbox(mailbox, **form.values())
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(request, "delivery:mailboxes")
    context = {
        "form": form,
        "mailbox": mailbox,
        "account": selectors.api_account_of(mailbox),
        "login": selectors.login_of(mailbox),
        "health": selectors.mailbox_health([mailbox.pk])[mailbox.pk],
        "pace": selectors.pace_of(mailbox),
    }
    return show(request, "delivery/mailbox_form.html", context, partial="form", status=422 if form.is_bound else 200)


@member_view(Capability.VIEW)
@require_GET
def mailbox_pace(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """How fast a mailbox sends, what holds it, and its days; the live part is polled while anything moves."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    pace = selectors.pace_of(mailbox)
    days = selectors.mailbox_days(mailbox)
    context = {
        "mailbox": mailbox,
        "pace": pace,
        "warning": selectors.complaint_warning(mailbox),
        "days": list(reversed(days)),
        "chart": charts.mailbox_days(days),
        "ramp": selectors.ramp_progress(mailbox, pace),
        "paces": selectors.domain_paces(mailbox),
    }
    return show(request, "delivery/mailbox_pace.html", context, partial="live")


@member_view(Capability.VIEW)
@require_http_methods(["GET", "POST"])
def sending_rules(request: MemberRequest) -> HttpResponseBase:
    """Quiet hours and the frequency cap of the workspace."""
    rules = selectors.sending_rules_of(request.workspace)
    form = RulesForm(request.POST or None, initial=model_to_dict(rules))
    if request.method == "POST":
        require(request.membership, Capability.MANAGE)
        if form.is_valid():
            try:
                services.set_sending_rules(workspace=request.workspace, **form.cleaned_data)
            except DomainError as error:
                add_refusal(form, error)
            else:
                messages.success(request, "Saved. What waits follows the new rules at once.")
                return redirect(request, "delivery:sending_rules")
    return show(
        request, "delivery/sending_rules.html", {"form": form}, partial="form", status=422 if form.errors else 200
    )


@member_view(Capability.MANAGE)
@require_POST
def try_settings(request: MemberRequest, mailbox_id: int | None = None) -> HttpResponseBase:
    """Test the connection with what the form holds now, saved or not."""
    mailbox = (
        selectors.mailbox_in(request.workspace, mailbox_id) if mailbox_id else Mailbox(workspace=request.workspace)
    )
    form = MailboxForm(request.POST, mailbox=mailbox if mailbox_id else None)
    context: dict[str, Any] = {"worked": False}
    if not form.is_valid():
        context["answer"] = "Fill in the fields marked below first."
        context["form_errors"] = form.errors
    else:
        try:
            context["answer"] = services.try_settings(mailbox, **form.values())
            context["worked"] = True
        except DomainError as error:
            context["answer"] = error.message
    return show(request, "delivery/connection_test.html", context, partial="answer")


@member_view(Capability.MANAGE)
@require_POST
def pause_mailbox(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """Let a mailbox send nothing for now."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    services.pause_mailbox(mailbox.pk, reason=f"Paused by {request.user}.")
    messages.success(request, f"{mailbox.from_email} sends nothing until you resume it.")
    return redirect(request, "delivery:mailboxes")


@member_view(Capability.MANAGE)
@require_POST
def resume_mailbox(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """Let a paused mailbox send again."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    services.resume_mailbox(mailbox.pk)
    messages.success(request, f"{mailbox.from_email} sends again.")
    return redirect(request, "delivery:mailboxes")


@member_view(Capability.MANAGE)
@require_POST
def delete_mailbox(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """Remove a mailbox."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    services.delete_mailbox(mailbox)
    messages.success(request, f"{mailbox.from_email} was removed.")
    return redirect(request, "delivery:mailboxes")
