"""What a campaign has brought about, and the workspace's held-out group."""

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import selectors, services
from campaigns.forms import HoldoutGroupForm
from campaigns.holdouts import LONGEST_DAYS, standing_group
from campaigns.lift import lift_of
from campaigns.services import renews_at
from contacts import selectors as contacts
from core import clock
from core.exceptions import DomainError
from frontend.htmx import invalid, redirect, render_page
from team.access import Capability, MemberRequest, can, member_view, require
from tracking.selectors import event_names


@require_safe
@member_view(Capability.VIEW)
def lift(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """The comparison of who got it and who was held out: a part of the report, asked for once, with another event if wanted."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    days = request.GET.get("days", "")
    wanted = int(days) if days.isascii() and days.isdecimal() and len(days) < 6 else 0
    found = lift_of(
        campaign,
        event=request.GET.get("event", "").replace("\x00", "").strip()[:100],
        days=min(wanted, LONGEST_DAYS),
        now=clock.now(),
    )
    context = {"campaign": campaign, "lift": found, "event_names": event_names(request.workspace)}
    return render_page(request, "campaigns/_lift.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.VIEW)
def group(request: MemberRequest) -> HttpResponse:
    """The share of all contacts that gets no campaign: everybody may look, owners and admins may change."""
    standing = standing_group(request.workspace.pk)
    form = HoldoutGroupForm(request.POST or None, initial=HoldoutGroupForm.initial_of(standing))
    context = {
        "form": form,
        "group": standing,
        "renews_at": renews_at(standing) if standing and standing.renew_months else None,
        "people": selectors.held_out_count(standing) if standing else 0,
        "everybody": contacts.contacts_in(request.workspace).count(),
        "can_manage": can(request.membership, Capability.MANAGE),
    }
    if request.method != "POST":
        return render_page(request, "campaigns/holdout_group.html", context)
    require(request.membership, Capability.MANAGE)
    if form.is_valid():
        try:
            services.set_holdout_group(request.workspace, **form.changes())
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The held-out group was saved.")
            return redirect(request, "campaigns:holdout_group")
    return invalid(request, "campaigns/holdout_group.html", context)


@require_POST
@member_view(Capability.MANAGE)
def renew(request: MemberRequest) -> HttpResponse:
    """Draw others now."""
    services.renew_holdout_group(request.workspace)
    messages.success(request, "Others are held out from now on.")
    return redirect(request, "campaigns:holdout_group")
