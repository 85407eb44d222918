"""The source editor and a template's history."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from frontend.htmx import is_fragment, redirect, render_page, toast, trigger
from team.access import Capability, MemberRequest, can, may, member_view, require_on
from templates_lib import people, samples, selectors, services
from templates_lib.differences import compare
from templates_lib.exceptions import StaleVersionError
from templates_lib.forms import ContentForm
from templates_lib.models import Template, TemplateVersion
from templates_lib.rendering import TemplateError

PAGE = "templates_lib/editor.html"


@member_view(Capability.VIEW)
@require_http_methods(["GET", "POST"])
def edit(request: MemberRequest, template_id: int) -> HttpResponseBase:
    """Show a template in the editor; POST saves it as a new version."""
    template = selectors.template_in(request.workspace, template_id)
    if request.method == "POST":
        require_on(request.membership, Capability.EDIT, template)
        return _save(request, template)
    version = selectors.current_version(template)
    return render_page(request, PAGE, _context(request, template, ContentForm.of(version), version))


def _save(request: MemberRequest, template: Template) -> HttpResponseBase:
    form = ContentForm(request.POST)
    current = selectors.current_version(template)
    if not form.is_valid():
        return render_page(request, PAGE, _context(request, template, form, current), partial="state", status=422)
    content = form.content
    try:
        version = services.save_version(
            template,
            base_number=form.cleaned_data["base_number"] or 0,
            subject=content.subject,
            preheader=content.preheader,
            source=content.source,
            text_source=content.text_source,
            note=form.cleaned_data["note"],
            user=request.user,
        )
    except StaleVersionError as error:
        return _conflict(request, template, form, error)
    except TemplateError as error:
        context = _context(request, template, form, current) | {"errors": error.problems}
        return render_page(request, PAGE, context, partial="state", status=422)
    unchanged = version.number == current.number
    message = "Nothing changed since the last save." if unchanged else f"Saved as version {version.number}."
    if not is_fragment(request):
        messages.success(request, message)
        return redirect(request, "templates_lib:edit", template.pk)
    response = render_page(request, PAGE, _context(request, template, form, version), partial="state")
    return toast(trigger(response, "saved", {"version": version.number}), message)


def _conflict(request: MemberRequest, template: Template, form: ContentForm, error: StaleVersionError) -> HttpResponse:
    """Show who saved what meanwhile; what was typed stays in the editor and can be saved over it or dropped."""
    base_number = form.cleaned_data["base_number"] or 0
    base = selectors.versions_of(template).filter(number=base_number).first()
    current = selectors.version_of(template, error.current_number)
    context = _context(request, template, form, current) | {
        "conflict": current,
        "base": base,
        "theirs": compare(base, current) if base else [],
        "mine": compare(current, form.content),
    }
    response = render_page(request, PAGE, context, partial="state", status=409)
    response["HX-Retarget"] = "#editor-state"
    return toast(response, error.message, level="warning")


@member_view(Capability.VIEW)
@require_GET
def history(request: MemberRequest, template_id: int) -> HttpResponseBase:
    """List the versions and show what one of them changed (`?version=`, against `?with=` or the one before)."""
    template = selectors.template_in(request.workspace, template_id)
    versions = list(selectors.versions_of(template)[:200])
    selected = _chosen(template, request.GET.get("version")) or versions[0]
    other = _chosen(template, request.GET.get("with"))
    if other is None:
        other = next((version for version in versions if version.number < selected.number), None)
    context = {
        "template": template,
        "versions": versions,
        "selected": selected,
        "other": other,
        "changes": compare(other, selected) if other else [],
        "current": selectors.current_version(template),
        **permissions(request, template),
    }
    return render_page(request, "templates_lib/history.html", context)


@member_view(Capability.EDIT, on=Template)
@require_POST
def restore(request: MemberRequest, template_id: int, number: int) -> HttpResponseBase:
    """Make an earlier version current, as a new one."""
    template = selectors.template_in(request.workspace, template_id)
    version = services.restore_version(template, number=number, user=request.user)
    messages.success(request, f"Version {number} is restored as version {version.number}.")
    return redirect(request, "templates_lib:edit", template.pk)


def permissions(request: MemberRequest, template: Template) -> dict[str, bool]:
    """Return what the member may do with the template, by role or by a share, for templates of pages."""
    return {
        "can_edit": may(request.membership, Capability.EDIT, Template, template.pk),
        "can_create": can(request.membership, Capability.EDIT),
        "can_share": can(request.membership, Capability.MANAGE),
    }


def _chosen(template: Template, number: str | None) -> TemplateVersion | None:
    return selectors.version_of(template, int(number)) if number and number.isdecimal() else None


def _context(request: MemberRequest, template: Template, form: ContentForm, version: TemplateVersion) -> dict[str, Any]:
    fields = samples.merge_fields(request.workspace)
    return {
        "template": template,
        "form": form,
        "version": version,
        "merge_fields": fields,
        "completions": [{"label": field.key, "detail": _detail(field)} for field in fields],
        **permissions(request, template),
        "preview_url": reverse("templates_lib:preview_saved", args=[template.pk]),
        "people": people.registered().find(request.workspace, ""),
        "back_url": _way_back(request),
    }


def _way_back(request: MemberRequest) -> str:
    """Return the page that sent its reader here to edit (`?next=`), if it is one of ours."""
    url = request.GET.get("next", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None) else ""


def _detail(field: people.MergeField) -> str:
    return f"{field.label}: {field.sample}"[:60] if field.sample != "" else field.label
