"""One POST a transition; the page that asked is shown anew."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from campaigns import selectors, services
from campaigns.models import Campaign
from frontend.htmx import is_fragment, redirect
from team.access import Capability, MemberRequest, member_view


def _transition(move: Callable[[Campaign], None], done: str) -> Callable[..., HttpResponseBase]:
    @require_POST
    @member_view(Capability.SEND, on=Campaign)
    def view(request: MemberRequest, campaign_id: int) -> HttpResponse:
        campaign = selectors.campaign_in(request.workspace, campaign_id)
        move(campaign)
        messages.success(request, done.format(name=campaign.name))
        return _again(request, campaign)

    view.__doc__ = move.__doc__
    return view


pause = _transition(services.pause_campaign, "“{name}” is paused. Nothing leaves until you resume it.")
resume = _transition(services.resume_campaign, "“{name}” goes on.")
cancel = _transition(services.cancel_campaign, "“{name}” is cancelled. What had not left stays here.")

close = _transition(services.close_entry, "“{name}” lets nobody in any more; who is on the way goes on.")


@require_POST
@member_view(Capability.SEND, on=Campaign)
def launch(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Launch at once."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    services.launch_campaign(campaign, accept_warnings=request.POST.get("accept_warnings") == "1")
    messages.success(request, f"“{campaign.name}” is on its way.")
    return redirect(request, "campaigns:detail", campaign.pk)


@require_POST
@member_view(Capability.SEND, on=Campaign)
def schedule(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Schedule for the draft's time."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    services.schedule_campaign(campaign, accept_warnings=request.POST.get("accept_warnings") == "1")
    messages.success(request, f"“{campaign.name}” is scheduled.")
    return redirect(request, "campaigns:detail", campaign.pk)


@require_POST
@member_view(Capability.SEND, on=Campaign)
def unschedule(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Back to draft."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    services.unschedule_campaign(campaign)
    messages.success(request, f"“{campaign.name}” is a draft again.")
    return redirect(request, "campaigns:detail", campaign.pk)


@require_POST
@member_view(Capability.EDIT)
def duplicate(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Make a new draft of it."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    copy = services.duplicate_campaign(campaign, created_by=request.user)
    return redirect(request, "campaigns:detail", copy.pk)


@require_POST
@member_view(Capability.EDIT)
def delete(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Delete a draft."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    services.delete_campaign(campaign)
    messages.success(request, f"“{campaign.name}” was deleted.")
    return redirect(request, "campaigns:list")


def _again(request: MemberRequest, campaign: Campaign) -> HttpResponse:
    if is_fragment(request):
        return HttpResponseClientRefresh()
    return redirect(request, reverse("campaigns:detail", args=[campaign.pk]))
