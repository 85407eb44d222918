"""What the pages of contacts share."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from frontend.htmx import render_page
from team.access import Capability, MemberRequest, can


def show(
    request: MemberRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    partial: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render a page (or its part, for HTMX) that knows what the member may do."""
    rights = {
        "can_edit": can(request.membership, Capability.EDIT),
        "can_manage": can(request.membership, Capability.MANAGE),
    }
    return render_page(request, template, {**rights, **(context or {})}, partial=partial, status=status)


def number(text: str | None) -> int | None:
    """Return a query parameter as a number; None for what is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def how_many(count: int, noun: str, plural: str = "") -> str:
    """Return "1 contact" or "12,480 contacts"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
