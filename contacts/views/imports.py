"""Imports: upload, mapping, progress, result."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from contacts import selectors, services
from contacts.exceptions import UnreadableFile
from contacts.exports import rejected_rows
from contacts.forms import LayoutForm, TargetForm, UploadForm, add_refusal
from contacts.imports.files import preview_of
from contacts.imports.mapping import FIELD_PREFIX, NEW_PREFIX, TARGETS, formats_of, guess_mapping, guess_type
from contacts.models import FieldType, Import
from contacts.views.base import show
from core.exceptions import DomainError
from core.spreadsheets import csv_response
from frontend.htmx import is_fragment, redirect, stop_polling
from frontend.pagination import paginate
from team.access import Capability, MemberRequest, member_view

SAMPLE = """Email,First name,Last name,Company,Language,Plan,Birthday
ada@example.com,Ada,Lovelace,Analytical Engines Ltd,en,pro,1815-12-10
grace@example.com,Grace,Hopper,Compilers Inc,en,free,1906-12-09
konrad@example.com,Konrad,Zuse,Zuse KG,de,pro,1910-06-22
"""
SHOWN_ROWS = 5
SHOWN_REJECTIONS = 10


@member_view(Capability.VIEW)
@require_GET
def imports(request: MemberRequest) -> HttpResponseBase:
    """The imports, newest first."""
    page = paginate(selectors.imports_in(request.workspace), cursor=request.GET.get("cursor"), order=("-id",))
    return show(request, "contacts/imports.html", {"page": page}, partial="table")


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def new_import(request: MemberRequest) -> HttpResponseBase:
    """Upload a CSV file."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_valid():
        try:
            source = services.start_import(
                workspace=request.workspace, file=form.cleaned_data["file"], created_by=request.user
            )
        except DomainError as error:
            add_refusal(form, error)
        else:
            return redirect(request, "contacts:import", source.pk)
    status = 422 if form.is_bound else 200
    return show(request, "contacts/import_new.html", {"form": form}, partial="form", status=status)


@member_view(Capability.VIEW)
@require_GET
def sample(request: MemberRequest) -> HttpResponseBase:
    """A small CSV file to try."""
    response = HttpResponse(SAMPLE, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="sample-contacts.csv"'
    return response


@member_view(Capability.VIEW)
@require_GET
def import_(request: MemberRequest, import_id: int) -> HttpResponseBase:
    """An import: its mapping while it waits for one, then its progress, then its result."""
    source = selectors.import_in(request.workspace, import_id)
    if source.status == Import.Status.UPLOADED:
        lists = selectors.lists_in(request.workspace)
        return _show_mapping(request, source, LayoutForm.of(source), TargetForm(lists=lists))
    return show(request, "contacts/import.html", _progress_context(source))


def _show_mapping(
    request: MemberRequest, source: Import, layout: LayoutForm, target: TargetForm, *, status: int = 200
) -> HttpResponseBase:
    context: dict[str, Any] = {"source": source, "layout": layout, "form": target}
    try:
        preview = preview_of(source)
    except UnreadableFile as error:
        return show(
            request, "contacts/import_map.html", context | {"problem": error.message}, partial="map", status=status
        )
    fields = list(selectors.fields_in(request.workspace))
    chosen = _chosen(request) if target.is_bound else guess_mapping(preview, fields)
    formats = formats_of(source)
    context["columns"] = [
        {
            "number": number,
            "name": name,
            "samples": preview.samples(number),
            "target": chosen.get(str(number), ""),
            "new_type": guess_type(preview.values(number), formats),
        }
        for number, name in enumerate(preview.columns)
    ]
    context |= {
        "rows": preview.rows[:SHOWN_ROWS],
        "standard": TARGETS.items(),
        "custom": [(f"{FIELD_PREFIX}{field.key}", field.label) for field in fields],
        "new": [(f"{NEW_PREFIX}{value}", label) for value, label in FieldType.choices if value != FieldType.CHOICE],
    }
    return show(request, "contacts/import_map.html", context, partial="map", status=status)


def _chosen(request: MemberRequest) -> dict[str, str]:
    """Return the mapping that the form holds."""
    prefix = "column-"
    return {name.removeprefix(prefix): request.POST.get(name, "") for name in request.POST if name.startswith(prefix)}


@member_view(Capability.EDIT)
@require_POST
def reread(request: MemberRequest, import_id: int) -> HttpResponseBase:
    """Read the file under another encoding, delimiter, or another way of writing dates and numbers."""
    source = selectors.import_in(request.workspace, import_id)
    layout = LayoutForm(request.POST)
    if layout.is_valid():
        try:
            services.reread_import(source, **layout.cleaned_data)
        except UnreadableFile as error:
            add_refusal(layout, error)
            source.refresh_from_db()
    target = TargetForm(lists=selectors.lists_in(request.workspace))
    return _show_mapping(request, source, layout, target, status=200 if layout.is_valid() else 422)


@member_view(Capability.EDIT)
@require_POST
def map_(request: MemberRequest, import_id: int) -> HttpResponseBase:
    """Take the mapping and begin."""
    source = selectors.import_in(request.workspace, import_id)
    target = TargetForm(request.POST, lists=selectors.lists_in(request.workspace))
    if target.is_valid():
        data = target.cleaned_data
        list_ = selectors.list_in(request.workspace, data["list_id"]) if data["list_id"] else None
        try:
            services.map_import(
                source,
                mapping=_chosen(request),
                list_=list_,
                new_list=data["new_list"],
                update_existing=data["update_existing"],
            )
        except DomainError as error:
            if error.status != 422:
                raise
            add_refusal(target, error)
        else:
            return redirect(request, "contacts:import", source.pk)
    return _show_mapping(request, source, LayoutForm.of(source), target, status=422)


def _progress_context(source: Import) -> dict[str, Any]:
    share = source.processed_bytes / source.total_bytes if source.total_bytes else 0
    return {
        "source": source,
        "seconds": (source.finished_at - source.started_at).total_seconds()
        if source.started_at and source.finished_at
        else None,
        "percent": min(100, round(100 * share)),
        "rejections": source.rejections.order_by("line", "pk")[:SHOWN_REJECTIONS] if source.rejected else [],
    }


@member_view(Capability.VIEW)
@require_GET
def progress(request: MemberRequest, import_id: int) -> HttpResponseBase:
    """How far it has come, for the poll; the last answer ends it."""
    source = selectors.import_in(request.workspace, import_id)
    response = show(request, "contacts/import.html", _progress_context(source), partial="progress")
    return stop_polling(response) if source.is_finished and is_fragment(request) else response


@member_view(Capability.EDIT)
@require_POST
def cancel(request: MemberRequest, import_id: int) -> HttpResponseBase:
    """Stop an import."""
    source = services.cancel_import(selectors.import_in(request.workspace, import_id))
    messages.success(request, f"The import of {source.file_name} was cancelled.")
    if source.processed:
        return redirect(request, "contacts:import", source.pk)
    return redirect(request, "contacts:imports")


@member_view(Capability.VIEW)
@require_GET
def rejected(request: MemberRequest, import_id: int) -> HttpResponseBase:
    """Download the rejected rows with their reasons."""
    source = selectors.import_in(request.workspace, import_id)
    return csv_response(rejected_rows(source), name=f"rejected-{source.pk}.csv")
