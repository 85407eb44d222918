"""The list of campaigns."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from campaigns import selectors
from campaigns.models import Campaign, Status
from campaigns.views.links import report_url
from frontend.htmx import render_page, stop_polling
from frontend.pagination import paginate
from sequences import selectors as sequences
from sequences.models import StepKind
from team.access import Capability, MemberRequest, can, member_view

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
        "rows": rows(page.items),
        "status": status,
        "statuses": [(value, label, counts[value]) for value, label in Status.choices],
        "total": sum(counts.values()),
        "filtered": bool(query or status),
        "can_edit": can(request.membership, Capability.EDIT),
        "can_send": can(request.membership, Capability.SEND),
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


def rows(campaigns: list[Campaign]) -> list[dict[str, object]]:
    """Return what the list shows of each campaign; a fixed number of queries."""
    progress = selectors.progress_of(campaigns)
    steps = sequences.steps_by_sequence([campaign.sequence_id for campaign in campaigns])
    found: list[dict[str, object]] = []
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
