from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics import charts, onboarding, selectors, tiles, timelines
from analytics.sending import sending as sending_now
from campaigns.models import Campaign, Status
from contacts.selectors import contacts_in
from core import clock
from core.spreadsheets import csv_response
from delivery import selectors as delivery
from delivery.models import Message
from frontend.htmx import render_page, stop_polling
from frontend.pagination import paginate
from frontend.templatetags.merge import merge_fields
from team.access import Capability, MemberRequest, can, capabilities_on, member_view
from tracking.selectors import subject_as_sent

DASHBOARD_DAYS = 30
TIMELINE_MESSAGES = 50
CSV_HEADER = (
    "email",
    "first_name",
    "last_name",
    "state",
    "why",
    "sent_at",
    "opened_at",
    "clicked_at",
    "unsubscribed_at",
)
LIVE = (Status.RUNNING, Status.SCHEDULED, Status.PAUSED)
# Most of a mail's opens and clicks come in its first day.
FRESH = timedelta(days=1)


@require_safe
@member_view(Capability.VIEW)
def dashboard(request: MemberRequest) -> HttpResponse:
    """The workspace at a glance."""
    zone = timezone.get_current_timezone()
    data = selectors.dashboard(request.workspace, now=clock.now(), days=DASHBOARD_DAYS, zone=zone)
    context = {
        "dashboard": data,
        "tiles": tiles.dashboard_tiles(data.totals, data.before),
        "chart": charts.activity_chart(data.points, unit="day"),
        "first_steps": onboarding.first_steps(request.workspace),
        **_rights(request),
    }
    return render(request, "analytics/dashboard.html", context)


@require_safe
@member_view(Capability.VIEW)
def sending(request: MemberRequest) -> HttpResponse:
    """What leaves now, what waits and why; asked again by itself, often while mail moves."""
    data = sending_now(request.workspace, now=clock.now())
    context = {
        "sending": data,
        "tiles": tiles.sending_tiles(data.state),
        "poll_seconds": 2 if data.state.is_moving else 10,
        **_rights(request),
    }
    return render_page(request, "analytics/sending.html", context, partial="state")


@require_safe
@member_view(Capability.VIEW)
def report(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """A campaign's report."""
    campaign = _campaign(request, campaign_id)
    return render(request, "analytics/report.html", _report_context(request, campaign))


@require_safe
@member_view(Capability.VIEW)
def report_numbers(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """The live part of the report: polled while the campaign sends and, less often, for a day after; then no more."""
    context = _report_context(request, _campaign(request, campaign_id))
    response = render_page(request, "analytics/report.html", context, partial="numbers")
    return response if context["poll_seconds"] else stop_polling(response)


@require_safe
@member_view(Capability.VIEW)
def recipients(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Who got the campaign, and what each one did."""
    campaign = _campaign(request, campaign_id)
    status, search = _filter(request)
    messages = selectors.recipients(campaign, status=status, search=search)
    context = {
        "campaign": campaign,
        "page": paginate(messages, cursor=request.GET.get("cursor"), order=("id",)),
        "filters": [(key, label) for key, (label, _) in selectors.RECIPIENT_FILTERS.items()],
        "status": status,
        "search": search,
        **_rights(request),
    }
    return render_page(request, "analytics/recipients.html", context, partial="table")


@require_safe
@member_view(Capability.MANAGE)
def recipients_csv(request: MemberRequest, campaign_id: int) -> StreamingHttpResponse:
    """The recipients as a CSV file, streamed."""
    campaign = _campaign(request, campaign_id)
    status, search = _filter(request)
    messages = selectors.recipients(campaign, status=status, search=search).order_by("id")
    rows = chain([CSV_HEADER], _cells(messages.iterator(chunk_size=2000)))
    return csv_response(rows, name=f"campaign-{campaign.pk}-recipients.csv")


@require_safe
@member_view(Capability.VIEW)
def message(request: MemberRequest, message_id: int) -> HttpResponse:
    """One message: its state, why, and its timeline."""
    try:
        found = selectors.message_in(request.workspace, message_id)
    except Message.DoesNotExist:
        raise Http404 from None
    code, sentence = delivery.why(found)
    context = {
        "message": found,
        "subject": subject_as_sent(found.pk) or merge_fields(found.mailing.subject),
        "code": code,
        "why": sentence,
        "moments": timelines.timeline_of([found]),
    }
    return render_page(request, "analytics/message.html", context, partial="dialog")


@require_safe
@member_view(Capability.VIEW)
def contact_timeline(request: MemberRequest, contact_id: int) -> HttpResponse:
    """All mail to a contact and what came of it."""
    contact = contacts_in(request.workspace).filter(pk=contact_id).first()
    if contact is None:
        raise Http404
    messages = list(delivery.messages_to(request.workspace, contact.pk)[:TIMELINE_MESSAGES])
    context = {"contact": contact, "moments": timelines.timeline_of(messages), "limit": TIMELINE_MESSAGES}
    return render_page(request, "analytics/contact_timeline.html", context, partial="timeline")


def _campaign(request: MemberRequest, campaign_id: int) -> Campaign:
    try:
        return selectors.campaign_in(request.workspace, campaign_id)
    except Campaign.DoesNotExist:
        raise Http404 from None


def _rights(request: MemberRequest) -> dict[str, bool]:
    """Buttons that a role's member can't use are not shown."""
    return {
        "can_edit": can(request.membership, Capability.EDIT),
        "can_manage": can(request.membership, Capability.MANAGE),
    }


def _report_context(request: MemberRequest, campaign: Campaign) -> dict[str, Any]:
    data = selectors.campaign_report(campaign, zone=timezone.get_current_timezone())
    return {
        "campaign": campaign,
        "can_create": can(request.membership, Capability.EDIT),
        "can_send": Capability.SEND in capabilities_on(request.membership, [campaign])[campaign.pk],
        "can_share": can(request.membership, Capability.MANAGE),
        "report": data,
        "holds_out": campaign.holdout_share > 0,
        "totals": data.totals,
        "tiles": tiles.campaign_tiles(data.totals),
        "live": campaign.status in LIVE,
        "poll_seconds": _poll_seconds(campaign, waiting=bool(data.totals.waiting)),
        "chart": charts.activity_chart(data.points, unit=data.unit),
        "reasons": [(item.state.label, delivery.sentence(item.reason), item.count) for item in data.reasons],
    }


def _poll_seconds(campaign: Campaign, *, waiting: bool) -> int:
    fresh = campaign.completed_at is not None and campaign.completed_at > clock.now() - FRESH
    if campaign.status in LIVE or (fresh and waiting):
        return 2
    return 10 if fresh else 0


def _filter(request: HttpRequest) -> tuple[str, str]:
    status = request.GET.get("status", "all")
    return (status if status in selectors.RECIPIENT_FILTERS else "all"), request.GET.get("q", "")


def _cells(messages: Iterator[Message]) -> Iterator[list[str]]:
    for item in messages:
        times = (item.accepted_at, item.opened_at, item.clicked_at, item.unsubscribed_at)
        contact = item.contact
        names = [contact.email, contact.first_name, contact.last_name] if contact else ["", "", ""]
        moments = [moment.isoformat() if moment else "" for moment in times]
        yield [*names, str(item.get_state_display()), delivery.why(item).sentence, *moments]
