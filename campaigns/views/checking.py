"""The review page: pre-flight check, preview, test send."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import selectors, services
from campaigns.audience import audience_of, stream
from campaigns.exceptions import CampaignError
from campaigns.forms import TestSendForm
from campaigns.models import Campaign, Check, Status
from campaigns.views.drafts import permissions
from contacts import selectors as contacts
from contacts.exceptions import InvalidSegment
from contacts.models import Contact
from core import clock
from core.exceptions import DomainError, NotFound
from delivery import selectors as delivery
from delivery.models import MessageState
from frontend.htmx import redirect, render_page, stop_polling
from sequences.models import Step
from team.access import Capability, MemberRequest, member_view

SAMPLE_CONTACTS = 20
UNFINISHED = (MessageState.QUEUED, MessageState.DEFERRED)
# The email is shown in a sandbox: nothing runs in it, and it can't reach this page.
PREVIEW_POLICY = (
    "sandbox; default-src 'none'; img-src * data:; style-src 'unsafe-inline'; font-src *; frame-ancestors 'self'"
)


@require_safe
@member_view(Capability.VIEW)
def review(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """The last page before the launch; it has the check run unless it has been run for this version."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    if campaign.status not in (Status.DRAFT, Status.SCHEDULED):
        return redirect(request, "campaigns:detail", campaign.pk)
    return render_page(
        request, "campaigns/review.html", {**_check_context(request, campaign), **_preview(request, campaign)}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.VIEW)
def check(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """The check's progress and findings; POST starts it (again)."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    if request.method == "POST":
        services.start_check(campaign)
    context = _check_context(request, campaign)
    response = render_page(request, "campaigns/_check.html", {**context, "swap": True})
    found: Check | None = context["check"]
    if request.method != "POST" and (found is None or found.status != Check.Status.RUNNING):
        return stop_polling(response)
    return response


@require_safe
@member_view(Capability.VIEW)
def preview(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """The email as one recipient gets it."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    return render_page(
        request,
        "campaigns/review.html",
        {**_check_context(request, campaign), **_preview(request, campaign)},
        partial="preview",
    )


@require_safe
@member_view(Capability.VIEW)
def preview_html(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """The email's HTML alone, for a sandboxed frame."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    rendered = services.render_preview(campaign, contact=_contact(request), step=_step(request, campaign))
    html = rendered.html or "<pre></pre>"
    response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    return response


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def test(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Send a test; the answer follows what becomes of it."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    form = TestSendForm(request.POST)
    context: dict[str, Any] = {"campaign": campaign, "test_form": form, **_sample(request, campaign)}
    if not form.is_valid():
        return render_page(request, "campaigns/_test.html", context, status=422)
    try:
        message_ids = services.send_test(
            campaign, to=form.cleaned_data["to"], contact=_contact(request), step=_step(request, campaign)
        )
    except DomainError as error:
        if error.status == 404:
            raise
        form.add_error(None, error.message)
        return render_page(request, "campaigns/_test.html", context, status=422)
    return render_page(request, "campaigns/_test.html", {**context, **_sent(request, message_ids)})


@require_safe
@member_view(Capability.VIEW)
def test_status(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """What became of the test messages: polled until each has an end."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    ids = [int(part) for part in request.GET.get("ids", "").split(",") if part.isdecimal()][:20]
    context = _sent(request, ids)
    response = render_page(request, "campaigns/_test_status.html", {"campaign": campaign, **context})
    return response if context["test_unfinished"] else stop_polling(response)


def _check_context(request: MemberRequest, campaign: Campaign) -> dict[str, Any]:
    found = selectors.latest_check(campaign)
    findings = found.findings if found else []
    levels = {
        level: [finding for finding in findings if finding["level"] == level] for level in ("error", "warning", "info")
    }
    steps = selectors.emails_of(campaign)
    return {
        "campaign": campaign,
        "check": found,
        "findings": levels,
        "passed": found is not None and found.status == Check.Status.COMPLETED and not levels["error"],
        "later": campaign.send_at is not None,
        "is_late": campaign.send_at is not None and campaign.send_at <= clock.now(),
        "mailboxes": selectors.mailboxes_of(campaign),
        "subject": selectors.subject_of(steps[0]) if steps else "",
        "emails": steps,
        **permissions(request, campaign),
    }


def _preview(request: MemberRequest, campaign: Campaign) -> dict[str, Any]:
    sample = _sample(request, campaign)
    chosen = _contact(request) or sample["sample"][0] if sample["sample"] or request.GET.get("contact") else None
    step = _step(request, campaign)
    query = f"?contact={chosen.pk}" if chosen else ""
    if step:
        query += f"{'&' if query else '?'}step={step.key}"
    context: dict[str, Any] = {
        **sample,
        "preview_contact": chosen,
        "preview_step": step,
        "preview_url": reverse("campaigns:preview_html", args=[campaign.pk]) + query,
        "test_form": TestSendForm(initial={"to": request.user.email, "contact": chosen.pk if chosen else None}),
    }
    try:
        context["rendered"] = services.render_preview(campaign, contact=chosen, step=step)
    except CampaignError as error:
        context["preview_problem"] = error.message
    except DomainError as error:
        context["preview_problem"] = error.message
    return context


def _sample(request: MemberRequest, campaign: Campaign) -> dict[str, list[Contact]]:
    """Return the first recipients, to preview as."""
    try:
        ids = next(stream(audience_of(campaign), size=SAMPLE_CONTACTS), [])
    except InvalidSegment:
        ids = []
    return {"sample": list(contacts.contacts_in(request.workspace).filter(pk__in=ids).order_by("pk"))}


def _contact(request: MemberRequest) -> Contact | None:
    chosen = request.POST.get("contact") or request.GET.get("contact") or ""
    if not chosen:
        return None
    if not chosen.isdecimal():
        raise NotFound("There is no such contact.")
    return contacts.contact_in(request.workspace, int(chosen))


def _step(request: MemberRequest, campaign: Campaign) -> Step | None:
    key = request.POST.get("step") or request.GET.get("step") or ""
    if not key:
        return None
    for step in selectors.emails_of(campaign):
        if step.key == key:
            return step
    raise NotFound("There is no such email.")


def _sent(request: MemberRequest, ids: list[int]) -> dict[str, Any]:
    messages = list(delivery.messages_in(request.workspace).filter(pk__in=ids, is_test=True).order_by("pk"))
    return {
        "test_ids": ",".join(str(message.pk) for message in messages),
        "test_messages": [(message, delivery.why(message)) for message in messages],
        "test_unfinished": any(message.state in UNFINISHED for message in messages),
    }
