"""Who was called by a campaign's trigger and hasn't entered: they wait, or were turned away, and why."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from campaigns import selectors
from campaigns.admission import REASONS
from campaigns.models import Arrival
from core.exceptions import NotFound
from frontend.htmx import render_page
from team.access import Capability, MemberRequest, member_view

MOST = 50
# Nobody has judged them yet.
CALLED = "They were called a moment ago and are tried next."


@require_safe
@member_view(Capability.VIEW)
def arrivals(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """How many wait or were turned away, by reason, and the last of them.  404 for a campaign without a trigger."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    if not campaign.is_triggered:
        raise NotFound("This campaign has no trigger.")
    counts = selectors.arrival_counts(campaign)
    last = selectors.last_arrivals(campaign, most=MOST) if counts else []
    context = {
        "campaign": campaign,
        "waiting": sum(count for state, _, count in counts if state == Arrival.State.WAITING),
        "turned_away": sum(count for state, _, count in counts if state == Arrival.State.TURNED_AWAY),
        "counts": [(Arrival.State(state), _words(reason), count) for state, reason, count in counts],
        "rows": [(arrival, contact, Arrival.State(arrival.state), _words(arrival.reason)) for arrival, contact in last],
        "most": MOST,
        "nav": "campaigns:list",
    }
    return render_page(request, "campaigns/arrivals.html", context)


def _words(reason: str) -> str:
    return REASONS.get(reason, reason) or CALLED
