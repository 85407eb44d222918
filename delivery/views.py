"""Pages of mailboxes."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.forms.models import model_to_dict
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from core.exceptions import DomainError
from core.forms import add_refusal
from delivery import charts, selectors, services
from delivery.dkim import zone_text
from delivery.forms import ApiAccountForm, ApiMailboxForm, DomainForm, MailboxForm, RulesForm
from delivery.models import Mailbox, SendingDomain
from delivery.presets import PRESETS, preset_of
from frontend.htmx import is_fragment, redirect, render_page
from team.access import Capability, MemberRequest, can, member_view, require


def _show(
    request: MemberRequest, template: str, context: Mapping[str, Any], *, partial: str = "", status: int = 200
) -> HttpResponse:
    rights = {"can_manage": can(request.membership, Capability.MANAGE)}
    return render_page(request, template, {**rights, **context}, partial=partial, status=status)


@member_view(Capability.VIEW)
@require_GET
def mailboxes(request: MemberRequest) -> HttpResponseBase:
    """The mailboxes with their status and the last day's numbers."""
    found = list(selectors.mailboxes_in(request.workspace).select_related("api_account"))
    health = selectors.mailbox_health([mailbox.pk for mailbox in found])
    rows = [(mailbox, health[mailbox.pk]) for mailbox in found]
    return _show(request, "delivery/mailboxes.html", {"rows": rows})


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
    return _show(request, "delivery/mailbox_form.html", context, partial="form", status=422 if form.is_bound else 200)


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
        "health": selectors.mailbox_health([mailbox.pk])[mailbox.pk],
        "pace": selectors.pace_of(mailbox),
    }
    return _show(request, "delivery/mailbox_form.html", context, partial="form", status=422 if form.is_bound else 200)


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
    return _show(request, "delivery/mailbox_pace.html", context, partial="live")


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
    return _show(
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
    return _show(request, "delivery/connection_test.html", context, partial="answer")


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


@member_view(Capability.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def domains(request: MemberRequest) -> HttpResponseBase:
    """The domains that mail is sent from, with how each stands in the DNS; POST adds one."""
    form = DomainForm(request.POST or None)
    if request.method == "POST":
        require(request.membership, Capability.MANAGE)
        if form.is_valid():
            try:
                made = services.add_domain(workspace=request.workspace, name=form.cleaned_data["name"])
            except DomainError as error:
                add_refusal(form, error)
            else:
                return redirect(request, "delivery:domain", made.pk)
    rows = [(domain, selectors.standing(domain)) for domain in selectors.domains_in(request.workspace)]
    context = {"rows": rows, "form": form}
    return _show(request, "delivery/domains.html", context, partial="add", status=422 if form.errors else 200)


@member_view(Capability.VIEW)
@require_safe
def domain(request: MemberRequest, domain_id: int) -> HttpResponseBase:
    """What the DNS says of one domain, and its DKIM keys with the records to publish."""
    return _show_domain(request, selectors.domain_in(request.workspace, domain_id))


def _show_domain(request: MemberRequest, domain: SendingDomain) -> HttpResponse:
    keys = [
        (key, *(record := selectors.record_of(key)), zone_text(record.text), selectors.keep_until(key))
        for key in domain.keys.select_related("domain")
    ]
    context = {
        "domain": domain,
        "items": selectors.checks_of(domain),
        "keys": keys,
        "mailboxes": selectors.mailboxes_of_domain(domain),
    }
    return _show(request, "delivery/domain.html", context, partial="standing")


@member_view(Capability.MANAGE)
@require_POST
def check_domain(request: MemberRequest, domain_id: int) -> HttpResponseBase:
    """Ask the DNS now; keys whose records are there begin to sign."""
    domain = selectors.domain_in(request.workspace, domain_id)
    services.check_domain(domain)
    if is_fragment(request):
        return _show_domain(request, selectors.domain_in(request.workspace, domain_id))
    return redirect(request, "delivery:domain", domain.pk)


@member_view(Capability.MANAGE)
@require_POST
def create_dkim_keys(request: MemberRequest, domain_id: int) -> HttpResponseBase:
    """Make new DKIM keys for a domain."""
    domain = selectors.domain_in(request.workspace, domain_id)
    services.create_dkim_keys(domain)
    messages.success(request, "The keys are made. Publish their records; signing then begins by itself.")
    return redirect(request, "delivery:domain", domain.pk)


@member_view(Capability.MANAGE)
@require_POST
def activate_dkim_key(request: MemberRequest, domain_id: int, key_id: int) -> HttpResponseBase:
    """Let a waiting key sign although its record was not seen from here."""
    key = services.activate_dkim_key(selectors.dkim_key_in(request.workspace, domain_id, key_id))
    messages.success(request, f"{key.selector} signs from now on.")
    return redirect(request, "delivery:domain", domain_id)


@member_view(Capability.MANAGE)
@require_POST
def delete_dkim_key(request: MemberRequest, domain_id: int, key_id: int) -> HttpResponseBase:
    """Delete a DKIM key."""
    key = selectors.dkim_key_in(request.workspace, domain_id, key_id)
    services.delete_dkim_key(key)
    messages.success(request, f"{key.selector} was deleted. Its record can be taken out of the DNS.")
    return redirect(request, "delivery:domain", domain_id)


@member_view(Capability.MANAGE)
@require_POST
def delete_domain(request: MemberRequest, domain_id: int) -> HttpResponseBase:
    """Delete a domain with its keys."""
    domain = selectors.domain_in(request.workspace, domain_id)
    services.delete_domain(domain)
    messages.success(request, f"{domain.name} was deleted.")
    return redirect(request, "delivery:domains")


@member_view(Capability.MANAGE)
@require_http_methods(["GET", "POST"])
def new_api_mailbox(request: MemberRequest) -> HttpResponseBase:
    """Add a mailbox that sends by a provider's API."""
    form = ApiMailboxForm(request.POST or None)
    if form.is_valid():
        try:
            made = services.create_api_mailbox(workspace=request.workspace, **form.values())
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, f"{made.from_email} was added.")
            return redirect(request, "delivery:mailboxes")
    return _show(
        request, "delivery/api_account.html", {"form": form}, partial="form", status=422 if form.is_bound else 200
    )


@member_view(Capability.MANAGE)
@require_http_methods(["GET", "POST"])
def api_account(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """Let a mailbox send by a provider's API, or change its account there."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    account = selectors.api_account_of(mailbox)
    form = ApiAccountForm(request.POST or None, account=account)
    if form.is_valid():
        try:
            services.set_api_account(mailbox, **form.values())
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, "Saved. The next mail leaves by the API.")
            return redirect(request, "delivery:api_account", mailbox.pk)
    context = {"form": form, "mailbox": mailbox, "account": account}
    return _show(request, "delivery/api_account.html", context, partial="form", status=422 if form.is_bound else 200)


@member_view(Capability.MANAGE)
@require_POST
def remove_api_account(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """Let a mailbox send by its SMTP server again."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    services.remove_api_account(mailbox)
    messages.success(request, f"{mailbox.from_email} sends by its server again.")
    return redirect(request, "delivery:edit_mailbox", mailbox.pk)
