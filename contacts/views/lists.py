"""Lists."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from contacts import selectors, services
from contacts.forms import ListForm, add_refusal
from contacts.views.base import show
from core.exceptions import DomainError
from frontend.htmx import redirect
from team.access import Capability, MemberRequest, member_view


@member_view(Capability.VIEW)
@require_GET
def lists(request: MemberRequest) -> HttpResponseBase:
    """The lists with their sizes."""
    return show(request, "contacts/lists.html", {"lists": selectors.lists_with_size(request.workspace)})


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def new_list(request: MemberRequest) -> HttpResponseBase:
    """Make a list."""
    form = ListForm(request.POST or None)
    if form.is_valid():
        try:
            made = services.create_list(workspace=request.workspace, **form.cleaned_data)
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, f"The list “{made.name}” was made.")
            return redirect(request, "contacts:lists")
    status = 422 if form.is_bound else 200
    return show(request, "contacts/list_form.html", {"form": form}, partial="form", status=status)


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def edit_list(request: MemberRequest, list_id: int) -> HttpResponseBase:
    """Rename or describe a list."""
    list_ = selectors.list_in(request.workspace, list_id)
    form = ListForm(request.POST or None, initial={"name": list_.name, "description": list_.description})
    if form.is_valid():
        try:
            services.update_list(list_, **form.cleaned_data)
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(request, "contacts:lists")
    status = 422 if form.is_bound else 200
    return show(request, "contacts/list_form.html", {"form": form, "list": list_}, partial="form", status=status)


@member_view(Capability.EDIT)
@require_POST
def delete_list(request: MemberRequest, list_id: int) -> HttpResponseBase:
    """Delete a list; its contacts stay."""
    list_ = selectors.list_in(request.workspace, list_id)
    name = list_.name
    try:
        services.delete_list(list_)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"The list “{name}” was deleted. Its contacts are still there.")
    return redirect(request, "contacts:lists")
