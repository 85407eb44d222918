"""What all pages of delivery are shown with."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from frontend.htmx import render_page
from team.access import Capability, MemberRequest, can


def show(
    request: MemberRequest, template: str, context: Mapping[str, Any], *, partial: str = "", status: int = 200
) -> HttpResponse:
    """Render a page or a part of it, with what the member may do."""
    rights = {"can_manage": can(request.membership, Capability.MANAGE)}
    return render_page(request, template, {**rights, **context}, partial=partial, status=status)
