"""The list of campaigns."""

from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from campaigns import selectors
from campaigns.models import Campaign, Status
from campaigns.views.links import report_url
from frontend.htmx import render_page, stop_polling
from frontend.pagination import paginate
from sequences import selectors as sequences
from sequences.models import StepKind
from team.access import Capability, MemberRequest, can, capabilities_on, member_view

PAGE_SIZE = 25
MOVING = (Status.RUNNING,)


@require_safe
@member_view(Capability.VIEW)
def campaigns(request: MemberRequest) -> HttpResponse:
    """All campaigns of the workspace, with search, filter and order."""
    query, status = request.GET.get("q", ""), request.GET.get("status", "")
    status = status if status in Status.values else ""
    sort = request.GET.get("sort", selectors.DEFAULT_SORT)
    order = selectors.SORTS.get(sort, selectors.SORTS[selectors.DEFAULT_SORT])
    found = selectors.find_campaigns(request.workspace, query=query, status=status)
    page = paginate(found, cursor=request.GET.get("cursor"), order=order, size=PAGE_SIZE)
    counts = selectors.status_counts(request.workspace)
    context = {
        "page": page,
        "rows": _with_rights(request, rows(page.items)),
        "status": status,
        "statuses": [(value, label, counts[value]) for value, label in Status.choices],
        "total": sum(counts.values()),
        "filtered": bool(query or status),
        "can_create": can(request.membership, Capability.EDIT),
        "can_share": can(request.membership, Capability.MANAGE),
    }
    return render_page(request, "campaigns/list.html", context, partial="table")


@require_safe
@member_view(Capability.VIEW)
def progress(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """One row's status and progress: polled while the campaign sends."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    (row,) = rows([campaign])
    response = render_page(request, "campaigns/_progress.html", {"row": row})
    return response if campaign.status in MOVING else stop_polling(response)


def _with_rights(request: MemberRequest, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to each row what its menu offers to this member, and whether only a share of this campaign does."""
    own = capabilities_on(request.membership, [row["campaign"] for row in rows])
    by_role = can(request.membership, Capability.EDIT)
    for row in rows:
        capabilities = own[row["campaign"].pk]
        row["can_send"] = Capability.SEND in capabilities
        row["is_shared"] = Capability.EDIT in capabilities and not by_role
    return rows


def rows(campaigns: list[Campaign]) -> list[dict[str, Any]]:
    """Return what the list shows of each campaign; a fixed number of queries."""
    progress = selectors.progress_of(campaigns)
    steps = sequences.steps_by_sequence([campaign.sequence_id for campaign in campaigns])
    found: list[dict[str, Any]] = []
    for campaign in campaigns:
        emails = [step for step in steps[campaign.sequence_id] if step.kind == StepKind.EMAIL]
        found.append(
            {
                "campaign": campaign,
                "subject": selectors.subject_of(emails[0]) if emails else "",
                "emails": len(emails),
                "progress": progress[campaign.pk],
                "moving": campaign.status in MOVING,
                "report_url": report_url(campaign),
            }
        )
    return found
