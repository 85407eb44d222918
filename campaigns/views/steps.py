"""Adding, removing and ordering the steps of a drip; their texts are saved with the rest of the checklist."""

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from campaigns import selectors, services
from campaigns.models import Campaign
from campaigns.readiness import readiness
from campaigns.views.drafts import permissions, step_rows
from core.exceptions import InvalidInput
from frontend.htmx import render_page, trigger
from sequences.models import StepKind
from team.access import Capability, MemberRequest, member_view
from templates_lib import selectors as templates


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def add(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Add an email or a wait at the end."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    kind = request.POST.get("add", "")
    if kind not in StepKind.values:
        raise InvalidInput("Choose email or wait.")
    services.add_step(campaign, kind=kind, actor=str(request.user))
    return _steps(request, campaign)


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def remove(request: MemberRequest, campaign_id: int, key: str) -> HttpResponse:
    """Take a step out."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    services.remove_step(campaign, key=key, actor=str(request.user))
    return _steps(request, campaign)


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def order(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Put the steps into another order."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    services.order_steps(campaign, keys=request.POST.getlist("order"), actor=str(request.user))
    return _steps(request, campaign)


def _steps(request: MemberRequest, campaign: Campaign) -> HttpResponse:
    """Answer with the steps as they are now, and tell the checklist its new version."""
    ready = readiness(campaign)
    context = {
        "campaign": campaign,
        **permissions(request, campaign),
        "rows": step_rows(campaign),
        "merge_fields": templates.merge_fields(campaign.workspace),
        "steps_ready": ready.subject and ready.email,
        "oob": True,
    }
    response = render_page(request, "campaigns/_steps.html", context)
    return trigger(response, "saved", {"version": campaign.version})
