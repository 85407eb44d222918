"""Segments and their builder."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from contacts import selectors, services
from contacts.exceptions import InvalidSegment
from contacts.models import Segment
from contacts.segments.builder import apply_action, build_tree, grouped_subjects, read_definition, settle
from contacts.segments.definition import EMPTY, Definition, describe
from contacts.views.base import show
from core.exceptions import DomainError
from frontend.htmx import redirect
from team.access import Capability, MemberRequest, member_view

NEW_SEGMENT: Definition = {"match": "all", "conditions": [{"field": "first_name", "operator": "not_empty"}]}


class NameForm(forms.Form):
    """The segment's name; its definition is the builder's."""

    name = forms.CharField(max_length=120)


@member_view(Capability.VIEW)
@require_GET
def segments(request: MemberRequest) -> HttpResponseBase:
    """The segments, each as a sentence; their counts come one by one."""
    subjects = selectors.subjects_in(request.workspace.pk)
    rows = [(segment, describe(segment.definition, subjects)) for segment in selectors.segments_in(request.workspace)]
    return show(request, "contacts/segments.html", {"rows": rows})


@member_view(Capability.VIEW)
@require_GET
def segment_count(request: MemberRequest, segment_id: int) -> HttpResponseBase:
    """How many contacts a segment matches now."""
    segment = selectors.segment_in(request.workspace, segment_id)
    context: dict[str, Any] = {"segment": segment}
    try:
        context["count"] = selectors.count_matching(request.workspace, segment.definition)
    except InvalidSegment as error:
        context["problem"] = error.message
    return show(request, "contacts/segment_count.html", context, partial="count")


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def new_segment(request: MemberRequest) -> HttpResponseBase:
    """Build and save a segment."""
    return _edit(request, None)


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def edit_segment(request: MemberRequest, segment_id: int) -> HttpResponseBase:
    """Change a segment."""
    return _edit(request, selectors.segment_in(request.workspace, segment_id))


def _edit(request: MemberRequest, segment: Segment | None) -> HttpResponseBase:
    if request.method == "GET":
        form = NameForm(initial={"name": segment.name} if segment else None)
        definition = segment.definition if segment else NEW_SEGMENT
        return _show_builder(request, segment, form, definition)
    form = NameForm(request.POST)
    definition = read_definition(request.POST)
    if action := request.POST.get("action"):  # a button of the builder, without scripts
        return _show_builder(request, segment, NameForm(initial={"name": request.POST.get("name")}), definition, action)
    errors: dict[str, list[str]] = {}
    if form.is_valid():
        name = form.cleaned_data["name"]
        try:
            if segment is None:
                segment = services.create_segment(workspace=request.workspace, name=name, definition=definition)
            else:
                services.update_segment(segment, name=name, definition=definition)
        except InvalidSegment as error:
            errors = error.fields
            form.add_error(None, "Some conditions can’t be asked like this.")
        except DomainError as error:
            for message in error.fields.get("name", [error.message]):
                form.add_error("name", message)
        else:
            messages.success(request, f"The segment “{segment.name}” was saved.")
            return redirect(request, "contacts:segments")
    return _show_builder(request, segment, form, definition, errors=errors, status=422)


def _show_builder(
    request: MemberRequest,
    segment: Segment | None,
    form: NameForm,
    definition: Definition,
    action: str = "",
    *,
    errors: dict[str, list[str]] | None = None,
    status: int = 200,
) -> HttpResponseBase:
    context = _builder_context(request, definition, action, errors=errors)
    context |= {"form": form, "segment": segment, **_count_context(request, context["definition"])}
    return show(request, "contacts/segment_form.html", context, partial="form", status=status)


def _builder_context(
    request: MemberRequest, definition: Definition, action: str = "", *, errors: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    subjects = selectors.subjects_in(request.workspace.pk)
    new = apply_action(definition, action, subjects) if action else ""
    definition = settle(definition, subjects)
    return {
        "root": build_tree(definition, subjects, errors=errors, new=new),
        "menu": grouped_subjects(subjects),
        "definition": definition,
    }


def _count_context(request: MemberRequest, definition: Definition) -> dict[str, Any]:
    """Count, unless the question isn't complete yet."""
    try:
        checked = selectors.checked_definition(request.workspace.pk, definition)
        count = selectors.count_matching(request.workspace, checked)
    except InvalidSegment:
        return {"incomplete": True}
    return {"count": count, "too_slow": count is None}


@member_view(Capability.EDIT)
@require_POST
def build(request: MemberRequest) -> HttpResponseBase:
    """Draw the builder anew after a gesture."""
    definition = read_definition(request.POST) if request.POST.getlist("node") else {**EMPTY, "conditions": []}
    context = _builder_context(request, definition, request.POST.get("action", ""))
    context |= {"form": NameForm(initial={"name": request.POST.get("name")}), "segment": None}
    # What is typed while this answer is on its way must not be lost; a button moves conditions, so there it can't be kept.
    context["keep_typed"] = "action" not in request.POST
    response = show(request, "contacts/segment_form.html", context, partial="builder")
    # The page then counts what the form holds by that time.
    return trigger_client_event(response, "segment-changed", after="settle")


@member_view(Capability.EDIT)
@require_POST
def count_draft(request: MemberRequest) -> HttpResponseBase:
    """Count what the builder's form asks, while one types."""
    subjects = selectors.subjects_in(request.workspace.pk)
    context = _count_context(request, settle(read_definition(request.POST), subjects))
    return show(request, "contacts/segment_form.html", context, partial="live_count")


@member_view(Capability.EDIT)
@require_POST
def delete_segment(request: MemberRequest, segment_id: int) -> HttpResponseBase:
    """Delete a segment; its contacts stay."""
    segment = selectors.segment_in(request.workspace, segment_id)
    name = segment.name
    try:
        services.delete_segment(segment)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"The segment “{name}” was deleted.")
    return redirect(request, "contacts:segments")
