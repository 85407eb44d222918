"""Sharing one campaign with members."""

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from campaigns import selectors
from team.access import Capability, MemberRequest, member_view
from team.sharing import share_dialog


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.MANAGE)
def shares(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Who may edit and send the campaign, by role or by a share; POST shares it."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    return share_dialog(request, campaign, back_url=reverse("campaigns:detail", args=[campaign.pk]))
