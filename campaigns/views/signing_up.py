"""The pages of sign-up forms, for the public: no login, no session, no cookie; GET and HEAD change nothing."""

import logging
from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns import selectors, services
from campaigns.models import SignUpForm
from campaigns.sign_up_fields import PublicForm
from contacts.selectors import email_key
from core.exceptions import DomainError, NotFound
from team import attempts
from team.attempts import Limit

logger = logging.getLogger(__name__)

# Within a quarter of an hour.
PER_PLACE = 30
PER_ADDRESS = 3


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """The form; its POST signs up, or sends the mail that asks to confirm.  Other sites may post to it, too."""
    form = selectors.form_by_token(token)
    if form is None:
        return _show(request, None, "gone", status=404)
    if not form.is_open:
        return _show(request, form, "closed")
    if request.method != "POST":
        return _show(request, form, "form", inputs=PublicForm(form=form))
    inputs = PublicForm(request.POST, form=form)
    if inputs.is_trapped:
        return _done(request, form)  # a program learns nothing
    if not inputs.is_valid():
        return _show(request, form, "form", inputs=inputs, status=422)
    place, email = attempts.place_of(request), inputs.cleaned_data["email"]
    limits = (
        Limit(f"sign-up:place:{place}", PER_PLACE),
        Limit(f"sign-up:{form.pk}:{email_key(email)}", PER_ADDRESS),
    )
    if attempts.seconds_to_wait(limits):
        return _show(request, form, "busy", status=429)
    attempts.count(limits)
    try:
        services.sign_up(
            form,
            email=email,
            values={key: inputs.cleaned_data[key] for key in form.fields if key in inputs.cleaned_data},
            agreed=bool(inputs.cleaned_data.get("agreed")),
            ip=_ip(place),
        )
    except DomainError as error:
        for name, messages in (error.fields or {"email": [error.message]}).items():
            key = name.replace("attributes.", "custom.")
            for message in messages:
                inputs.add_error(key if key in inputs.fields else None, message)
        return _show(request, form, "form", inputs=inputs, status=422)
    return _done(request, form)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Where the confirmation's link leads: a button, whose POST signs up.  Programs that follow links change nothing."""
    try:
        made = services.find_sign_up(token)
    except NotFound:
        return _show(request, None, "gone", status=404)
    if request.method != "POST":
        return _show(request, made.form, "confirmed" if made.confirmed_at else "confirm", address=made.email)
    try:
        services.confirm_sign_up(made, ip=_ip(attempts.place_of(request)))
    except DomainError as error:
        return _show(request, made.form, "expired", status=409, message=error.message)
    if made.form.redirect_url:
        return HttpResponseRedirect(made.form.redirect_url)
    return _show(request, made.form, "confirmed", address=made.email)


def _done(request: HttpRequest, form: SignUpForm) -> HttpResponse:
    """The same answer whether the address was known or not, so that nobody learns who is."""
    if form.double_opt_in:
        return _show(request, form, "sent")
    return HttpResponseRedirect(form.redirect_url) if form.redirect_url else _show(request, form, "confirmed")


def _show(
    request: HttpRequest, form: SignUpForm | None, state: str, *, status: int = 200, **context: object
) -> HttpResponse:
    brand = (form.workspace.company or form.workspace.name) if form else ""
    # No CSRF token, as that would set a cookie.
    whose = {"brand_name": brand, "product_name": brand, "workspace": None, "csrf_token": ""}
    page_context = {"form": form, "state": state, **whose, **context}
    response = render(request, "campaigns/sign_up.html", page_context, status=status)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _ip(place: str) -> str | None:
    try:
        return str(ip_address(place))
    except ValueError:
        return None
