"""Making, changing and looking at sign-up forms."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import selectors, services
from campaigns.forms import SignUpSettingsForm
from campaigns.models import SignUpForm
from core.exceptions import DomainError
from frontend.htmx import redirect, render_page
from team.access import Capability, MemberRequest, can, member_view

RECENT = 50


@require_safe
@member_view(Capability.VIEW)
def forms(request: MemberRequest) -> HttpResponse:
    """The forms with how many have signed up."""
    found = selectors.forms_with_numbers(request.workspace)
    can_edit = can(request.membership, Capability.EDIT)
    return render_page(request, "campaigns/forms.html", {"forms": found, "can_edit": can_edit})


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.EDIT)
def new(request: MemberRequest) -> HttpResponse:
    """Make a form."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.EDIT)
def edit(request: MemberRequest, form_id: int) -> HttpResponse:
    """Change a form."""
    return _edit(request, selectors.form_in(request.workspace, form_id))


@require_safe
@member_view(Capability.VIEW)
def show(request: MemberRequest, form_id: int) -> HttpResponse:
    """A form's address, the snippet for other sites, and who has signed up."""
    form = selectors.form_in(request.workspace, form_id)
    context = {
        "form": form,
        "url": f"{settings.BASE_URL}{reverse('sign_up', args=[form.token])}",
        "sign_ups": list(form.sign_ups.all()[:RECENT]),
        "can_edit": can(request.membership, Capability.EDIT),
    }
    return render_page(request, "campaigns/form.html", context)


@require_POST
@member_view(Capability.EDIT)
def delete(request: MemberRequest, form_id: int) -> HttpResponse:
    """Delete a form."""
    form = selectors.form_in(request.workspace, form_id)
    services.delete_form(form)
    messages.success(request, f"The form “{form.name}” was deleted.")
    return redirect(request, "campaigns:forms")


def _edit(request: MemberRequest, form: SignUpForm | None) -> HttpResponse:
    inputs = SignUpSettingsForm(request.POST or None, workspace=request.workspace, form=form)
    if inputs.is_valid():
        try:
            made = services.save_form(workspace=request.workspace, form=form, **inputs.cleaned_data)
        except DomainError as error:
            for name, sentences in (error.fields or {"name": [error.message]}).items():
                for sentence in sentences:
                    inputs.add_error(name if name in inputs.fields else None, sentence)
        else:
            messages.success(request, f"The form “{made.name}” was saved.")
            return redirect(request, "campaigns:form", made.pk)
    status = 422 if inputs.is_bound else 200
    context = {"inputs": inputs, "form": form}
    return render_page(request, "campaigns/form_edit.html", context, partial="form", status=status)
