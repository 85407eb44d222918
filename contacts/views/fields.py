"""Custom fields."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from contacts import selectors, services
from contacts.forms import FieldChangeForm, FieldForm, add_refusal
from contacts.views.base import show
from core.exceptions import DomainError
from frontend.htmx import redirect
from team.access import Capability, MemberRequest, member_view


@member_view(Capability.VIEW)
@require_GET
def fields(request: MemberRequest) -> HttpResponseBase:
    """The custom fields and the merge fields they give."""
    context = {
        "fields": selectors.fields_in(request.workspace),
        "merge_fields": selectors.merge_fields(request.workspace),
    }
    return show(request, "contacts/fields.html", context)


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def new_field(request: MemberRequest) -> HttpResponseBase:
    """Make a custom field."""
    form = FieldForm(request.POST or None)
    if form.is_valid():
        try:
            field = services.create_field(workspace=request.workspace, **form.cleaned_data)
        except DomainError as error:
            error.fields = {("type_" if name == "type" else name): texts for name, texts in error.fields.items()}
            add_refusal(form, error)
        else:
            messages.success(request, f"The field “{field.label}” was made: {{{{ {field.key} }}}} in templates.")
            return redirect(request, "contacts:fields")
    status = 422 if form.is_bound else 200
    return show(request, "contacts/field_form.html", {"form": form}, partial="form", status=status)


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def edit_field(request: MemberRequest, field_id: int) -> HttpResponseBase:
    """Rename a field or change its options."""
    field = selectors.field_in(request.workspace, field_id)
    form = FieldChangeForm(request.POST or None, field=field)
    if form.is_valid():
        try:
            services.update_field(field, **form.cleaned_data)
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(request, "contacts:fields")
    status = 422 if form.is_bound else 200
    return show(request, "contacts/field_form.html", {"form": form, "field": field}, partial="form", status=status)


@member_view(Capability.EDIT)
@require_POST
def delete_field(request: MemberRequest, field_id: int) -> HttpResponseBase:
    """Delete a field and its values."""
    field = selectors.field_in(request.workspace, field_id)
    label = field.label
    services.delete_field(field)
    messages.success(request, f"The field “{label}” was deleted.")
    return redirect(request, "contacts:fields")
