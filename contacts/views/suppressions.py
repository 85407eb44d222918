"""Suppressed addresses."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from contacts import selectors, services
from contacts.forms import SuppressForm, add_refusal
from contacts.models import SuppressionReason
from contacts.views.base import how_many, show
from core.exceptions import DomainError
from frontend.htmx import redirect
from frontend.pagination import paginate
from team.access import Capability, MemberRequest, member_view


@member_view(Capability.VIEW)
@require_GET
def suppressions(request: MemberRequest) -> HttpResponseBase:
    """Search the suppressed addresses."""
    found = selectors.suppressions_in(request.workspace)
    query, reason = request.GET.get("q", "").strip().lower(), request.GET.get("reason", "")
    if query:
        found = found.filter(email_key__contains=query.replace("\x00", ""))
    if reason in SuppressionReason.values:
        found = found.filter(reason=reason)
    page = paginate(found, cursor=request.GET.get("cursor"), order=("-id",))
    context = {
        "page": page,
        "total": found.count() if page.is_first else None,
        "reasons": SuppressionReason.choices,
        "reason": reason,
        "filtered": bool(query or reason),
    }
    return show(request, "contacts/suppressions.html", context, partial="table")


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def add_suppressions(request: MemberRequest) -> HttpResponseBase:
    """Suppress one or many addresses."""
    form = SuppressForm(request.POST or None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            result = services.suppress_many(
                workspace_id=request.workspace.pk,
                emails=data["emails"],
                reason=data["reason"],
                detail=data["detail"],
            )
        except DomainError as error:
            add_refusal(form, error)
        else:
            parts = [f"{how_many(result.added, 'address was', 'addresses were')} suppressed"]
            if result.already:
                parts.append(f"{result.already:,} had been before")
            if result.invalid:
                parts.append(
                    f"{how_many(len(result.invalid), 'is', 'are')} no address: {', '.join(result.invalid[:3])}"
                )
            messages.success(request, "; ".join(parts) + ".")
            return redirect(request, "contacts:suppressions")
    status = 422 if form.is_bound else 200
    return show(request, "contacts/suppress.html", {"form": form}, partial="form", status=status)


@member_view(Capability.MANAGE)
@require_POST
def lift_suppression(request: MemberRequest, suppression_id: int) -> HttpResponseBase:
    """Let an address get mail again."""
    suppression = selectors.suppression_in(request.workspace, suppression_id)
    services.lift_suppression(workspace_id=request.workspace.pk, email=suppression.email_key)
    messages.success(request, f"{suppression.email_key} can get mail again.")
    return redirect(request, "contacts:suppressions")
