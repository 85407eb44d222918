"""Pages for recipients: unsubscribe, preferences, view in browser.

The token in the URL is the key, so there is no login, no session, no CSRF token and no cookie. GET and HEAD never change
anything, since scanners follow every link.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.csp import CSP, build_policy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from contacts.models import TrackingMode
from core.sealing import BadToken
from delivery.tokens import (
    ContactClaim,
    preferences_token,
    read_preferences_token,
    read_unsubscribe_token,
    read_view_token,
    unsubscribe_token,
)
from tracking import selectors, services
from tracking.copies import copy_of
from tracking.forms import PreferencesForm
from tracking.selectors import Standing, Subscription

# Mail brings its own inline styles and images from anywhere; nothing in it may run or send.
COPY_POLICY: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "img-src": ["*", "data:"],
    "media-src": ["*"],
    "font-src": ["*", "data:"],
    "style-src": ["*", CSP.UNSAFE_INLINE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox", "allow-top-navigation-by-user-activation"],
}


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show the button; act on its POST and on the mail program's (RFC 8058, section 3.2)."""
    claim = _claim(read_unsubscribe_token, token)
    if claim is None:
        return _not_found(request)
    if request.method == "POST":
        action = request.POST.get("action")
        if action == "undo":
            services.resubscribe(claim)
        else:
            services.unsubscribe(claim, one_click=action is None)
        if action is None:
            return _private(HttpResponse("You are unsubscribed.\n", content_type="text/plain; charset=utf-8"))
        return _private(_see_other(reverse("tracking:unsubscribe", args=[token])))
    subscription = selectors.subscription_of(claim)
    context = {"standing": subscription.standing, "preferences_url": _preferences_url(claim, subscription)}
    return _page(request, "tracking/unsubscribe.html", subscription, context)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a recipient may choose, and keep it."""
    claim = _claim(read_preferences_token, token)
    if claim is None:
        return _not_found(request)
    subscription = selectors.subscription_of(claim)
    contact = subscription.contact
    if contact is None:
        return _page(request, "tracking/preferences_gone.html", subscription, {"standing": subscription.standing})
    form = PreferencesForm(request.POST if request.method == "POST" else None, initial={"tracking": contact.tracking})
    if request.method == "POST" and form.is_valid():
        services.choose_tracking(claim, mode=TrackingMode(form.cleaned_data["tracking"]))
        return _private(_see_other(reverse("tracking:preferences", args=[token]) + "?saved"))
    context = {
        "form": form,
        "standing": subscription.standing,
        "saved": "saved" in request.GET and not form.is_bound,
        "unsubscribe_url": reverse("tracking:unsubscribe", args=[unsubscribe_token(*claim)]),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return _page(request, "tracking/preferences.html", subscription, context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD"])
def view_in_browser(request: HttpRequest, token: str) -> HttpResponse:
    """Show a message as it was sent."""
    message_id = _claim(read_view_token, token)
    if message_id is None:
        return _not_found(request)
    copy = copy_of(message_id)
    if copy is None:
        return _page(request, "tracking/copy_gone.html", Subscription(Standing.GONE), {})
    if not copy.html:
        return _private(HttpResponse(copy.text, content_type="text/plain; charset=utf-8"))
    return _private(HttpResponse(copy.html, headers={CSP.HEADER_ENFORCE.value: build_policy(COPY_POLICY)}))


def _claim[Claim](read: Callable[[str], Claim], token: str) -> Claim | None:
    try:
        return read(token)
    except BadToken:
        return None


def _preferences_url(claim: ContactClaim, subscription: Subscription) -> str:
    return reverse("tracking:preferences", args=[preferences_token(*claim)]) if subscription.contact else ""


def _page(
    request: HttpRequest,
    template: str,
    subscription: Subscription,
    context: dict[str, Any],
    *,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    """Return a page in the workspace's name; gone things are 410.  No CSRF token, as that would set a cookie."""
    if subscription.standing == Standing.GONE:
        status = HTTPStatus.GONE
    brand = {"brand_name": subscription.brand, "product_name": subscription.brand, "workspace": None, "csrf_token": ""}
    address = {"address": subscription.address}
    return _private(render(request, template, {**context, **brand, **address}, status=status))


def _not_found(request: HttpRequest) -> HttpResponse:
    return _private(render(request, "tracking/unknown.html", {"csrf_token": ""}, status=HTTPStatus.NOT_FOUND))


def _see_other(url: str) -> HttpResponse:
    return HttpResponseRedirect(url, status=HTTPStatus.SEE_OTHER)


def _private(response: HttpResponse) -> HttpResponse:
    """Keep the token out of search engines and Referer headers."""
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response
