"""Sharing one template with members."""

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from team.access import Capability, MemberRequest, member_view
from team.sharing import share_dialog
from templates_lib import selectors


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.MANAGE)
def shares(request: MemberRequest, template_id: int) -> HttpResponse:
    """Who may edit the template, by role or by a share; POST shares it."""
    template = selectors.template_in(request.workspace, template_id)
    return share_dialog(request, template, back_url=reverse("templates_lib:edit", args=[template.pk]))
