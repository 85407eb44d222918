"""The audit trail."""

from datetime import date, datetime, time, timedelta

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_GET

from frontend.htmx import render_page
from frontend.pagination import Page, paginate
from team import selectors, trail
from team.access import Capability, MemberRequest, member_view
from team.forms import AuditFilterForm
from team.models import AuditEntry


@member_view(Capability.MANAGE)
@require_GET
def audit(request: MemberRequest) -> HttpResponseBase:
    """Every change in the workspace, newest first, filtered by who, what and when."""
    form = _filter_form(request)
    entries = _filtered(selectors.trail_of(request.workspace), form)
    page = paginate(entries, cursor=request.GET.get("cursor"), order=("-id",))
    lines = Page(trail.lines(page.items), page.next_cursor, is_first=page.is_first)
    return render_page(request, "team/audit.html", {"form": form, "page": lines}, partial="trail")


def _filter_form(request: MemberRequest) -> AuditFilterForm:
    labels = selectors.trail_actors(request.workspace)
    names = trail.actor_names(labels)
    actors = sorted(((label, names[label]) for label in labels), key=lambda choice: choice[1].casefold())
    tables = [(table, trail.kind_of(table)) for table in selectors.trail_tables(request.workspace)]
    return AuditFilterForm(request.GET, actors=actors, tables=sorted(tables, key=lambda choice: choice[1]))


def _filtered(entries: QuerySet[AuditEntry], form: AuditFilterForm) -> QuerySet[AuditEntry]:
    form.is_valid()  # a filter that can't be read is left out, and the form says so
    chosen = form.cleaned_data
    exact = {name: chosen[name] for name in ("actor", "table", "action") if chosen.get(name)}
    entries = entries.filter(**exact)
    if chosen.get("since"):
        entries = entries.filter(at__gte=_midnight(chosen["since"]))
    if chosen.get("until"):
        entries = entries.filter(at__lt=_midnight(chosen["until"] + timedelta(days=1)))
    return entries


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
