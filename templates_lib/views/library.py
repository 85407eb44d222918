"""The library: cards, what can be started from, and what is done with a whole template."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.exceptions import DomainError
from core.forms import add_refusal
from frontend.htmx import invalid, redirect, render_page, toast, trigger
from frontend.pagination import paginate
from team.access import Capability, MemberRequest, can, capabilities_on, member_view
from templates_lib import selectors, services
from templates_lib.files import MAX_BYTES, write_file
from templates_lib.forms import BLANK_SOURCES, CategoryForm, DetailsForm, ImportForm, NewTemplateForm
from templates_lib.models import Format, Template
from templates_lib.rendering import TemplateError
from templates_lib.starters import STARTERS

PAGE = 24


@member_view(Capability.VIEW)
@require_GET
def library(request: MemberRequest) -> HttpResponseBase:
    """Show the templates as cards, by category and search."""
    return render_page(request, "templates_lib/list.html", _library(request), partial="results")


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def new(request: MemberRequest) -> HttpResponseBase:
    """Start a template: from one of ours, from nothing or from a file."""
    form = NewTemplateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        format_ = Format(form.cleaned_data["format"])
        try:
            template = services.create_template(
                workspace=request.workspace,
                name=form.cleaned_data["name"],
                format=format_,
                source=BLANK_SOURCES[format_],
                user=request.user,
            )
        except DomainError as error:
            add_refusal(form, error)
        else:
            return redirect(request, "templates_lib:edit", template.pk)
    context = {"form": form, "import_form": ImportForm(), "starters": STARTERS.values()}
    if request.method == "POST":
        return invalid(request, "templates_lib/new.html", context)
    return render_page(request, "templates_lib/new.html", context)


@member_view(Capability.EDIT)
@require_POST
def use_starter(request: MemberRequest, slug: str) -> HttpResponseBase:
    """Copy one of our own templates and open it."""
    template = services.use_starter(workspace=request.workspace, slug=slug, user=request.user)
    return redirect(request, "templates_lib:edit", template.pk)


@member_view(Capability.EDIT)
@require_POST
def import_file(request: MemberRequest) -> HttpResponseBase:
    """Make a template from a file and open it."""
    form = ImportForm(request.POST, request.FILES)
    if form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            template = services.import_template(
                workspace=request.workspace,
                filename=upload.name,
                data=upload.read(MAX_BYTES + 1),
                user=request.user,
            )
        except TemplateError as error:
            form.add_error("file", [str(problem) for problem in error.problems[:10]])
        except DomainError as error:
            form.add_error("file", error.message)
        else:
            messages.success(request, f"{template.name} was imported.")
            return redirect(request, "templates_lib:edit", template.pk)
    context = {"form": NewTemplateForm(), "import_form": form, "starters": STARTERS.values()}
    return invalid(request, "templates_lib/new.html", context, partial="import")


@member_view(Capability.EDIT, on=Template)
@require_http_methods(["GET", "POST"])
def details(request: MemberRequest, template_id: int) -> HttpResponseBase:
    """Change a template's name, category and description, in a dialog."""
    template = selectors.template_in(request.workspace, template_id)
    form = DetailsForm(request.POST or None, workspace=request.workspace, template=template)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_template(template, **form.cleaned_data)
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(request, _own_page(request.POST.get("next")))
    context = {
        "form": form,
        "template": template,
        "next": _own_page(request.GET.get("next") or request.POST.get("next")),
    }
    if request.method == "POST":
        return invalid(request, "templates_lib/details.html", context, partial="dialog")
    return render_page(request, "templates_lib/details.html", context, partial="dialog")


@member_view(Capability.EDIT)
@require_POST
def duplicate(request: MemberRequest, template_id: int) -> HttpResponseBase:
    """Copy a template and open the copy."""
    template = selectors.template_in(request.workspace, template_id)
    copy = services.duplicate_template(template, user=request.user)
    messages.success(request, f"This is a copy of {template.name}.")
    return redirect(request, "templates_lib:edit", copy.pk)


@member_view(Capability.EDIT)
@require_POST
def archive(request: MemberRequest, template_id: int) -> HttpResponseBase:
    """Take a template out of the library; the answer offers to undo it."""
    template = selectors.template_in(request.workspace, template_id)
    services.archive_template(template)
    undo = reverse("templates_lib:unarchive", args=[template.pk])
    return _changed(request, f"{template.name} is archived.", undo_url=undo)


@member_view(Capability.EDIT)
@require_POST
def unarchive(request: MemberRequest, template_id: int) -> HttpResponseBase:
    """Bring an archived template back."""
    template = selectors.template_in(request.workspace, template_id)
    services.unarchive_template(template)
    return _changed(request, f"{template.name} is back in the library.")


@member_view(Capability.VIEW)
@require_GET
def export(request: MemberRequest, template_id: int) -> HttpResponseBase:
    """Download a template as a file."""
    template = selectors.template_in(request.workspace, template_id)
    response = HttpResponse(write_file(selectors.current_version(template)), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{slugify(template.name) or "template"}.json"'
    return response


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def categories(request: MemberRequest) -> HttpResponseBase:
    """Name the categories, in a dialog; POST makes a new one."""
    form = CategoryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.create_category(workspace=request.workspace, **form.cleaned_data)
        except DomainError as error:
            add_refusal(form, error)
        else:
            return _categories(request, CategoryForm())
    return _categories(request, form, status=422 if request.method == "POST" else 200)


@member_view(Capability.EDIT)
@require_POST
def rename_category(request: MemberRequest, category_id: int) -> HttpResponseBase:
    """Give a category another name."""
    category = selectors.category_in(request.workspace, category_id)
    try:
        services.rename_category(category, name=request.POST.get("name", ""))
    except DomainError as error:
        form = CategoryForm()
        return toast(_categories(request, form), error.message, level="danger")
    return toast(_categories(request, CategoryForm()), f"The category is now called {category.name}.")


@member_view(Capability.EDIT)
@require_POST
def delete_category(request: MemberRequest, category_id: int) -> HttpResponseBase:
    """Delete a category; its templates stay."""
    services.delete_category(selectors.category_in(request.workspace, category_id))
    return _categories(request, CategoryForm())


def _categories(request: MemberRequest, form: CategoryForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "categories": selectors.categories_in(request.workspace)}
    response = render_page(request, "templates_lib/categories.html", context, partial="dialog", status=status)
    return trigger(response, "categories-changed") if request.method == "POST" and status == 200 else response


def _library(request: MemberRequest) -> dict[str, Any]:
    query, category = request.GET.get("q", ""), request.GET.get("category", "")
    archived = request.GET.get("archived") == "1"
    templates = selectors.search_templates(selectors.templates_in(request.workspace, archived=archived), query)
    if category == "none":
        templates = templates.filter(category=None)
    elif category.isdecimal():
        templates = templates.filter(category_id=int(category))
    page = paginate(templates, cursor=request.GET.get("cursor"), order=("-updated_at", "-id"), size=PAGE)
    own = capabilities_on(request.membership, page.items)
    return {
        "page": page,
        "categories": selectors.categories_in(request.workspace),
        "query": query,
        "category": category,
        "archived": archived,
        "narrowed": bool(query or category or archived),
        "is_empty": not selectors.all_templates_in(request.workspace).exists(),
        "starters": STARTERS.values(),
        "editable": {key for key, capabilities in own.items() if Capability.EDIT in capabilities},
        "can_create": can(request.membership, Capability.EDIT),
        "can_share": can(request.membership, Capability.MANAGE),
    }


def _changed(request: MemberRequest, message: str, *, undo_url: str | None = None) -> HttpResponse:
    """Answer HTMX with a toast and the event that refreshes the cards, others with the library."""
    if request.htmx:  # type: ignore[attr-defined]
        response = trigger(HttpResponse(status=204), "templates-changed")
        return toast(response, message, undo_url=undo_url)
    messages.success(request, message)
    return redirect(request, "templates_lib:list")


def _own_page(next_url: str | None) -> str:
    """Return a path within the library, so that nobody can be sent elsewhere."""
    library_url = reverse("templates_lib:list")
    return next_url if next_url and next_url.startswith(library_url) and "\\" not in next_url else library_url
