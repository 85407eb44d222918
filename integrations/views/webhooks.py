"""The pages on which a workspace's outgoing webhooks are kept, with the log of what they were told."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.exceptions import DomainError
from core.forms import add_refusal
from frontend.htmx import redirect, render_page
from frontend.pagination import paginate
from integrations import selectors, services
from integrations.forms import WebhookForm
from integrations.models import WebhookEndpoint
from team.access import Capability, MemberRequest, member_view


@require_safe
@member_view(Capability.MANAGE)
def endpoints(request: MemberRequest) -> HttpResponse:
    """The programs that are told, and which of them can't be reached."""
    return render_page(request, "integrations/webhooks.html", {"endpoints": selectors.endpoints_in(request.workspace)})


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.MANAGE)
def new_endpoint(request: MemberRequest) -> HttpResponse:
    """Make a webhook; its secret is shown once."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.MANAGE)
def edit_endpoint(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Where a webhook goes, what it is told of, and the log."""
    return _edit(request, selectors.endpoint_in(request.workspace, endpoint_id))


@require_safe
@member_view(Capability.MANAGE)
def log(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """The log alone, while something waits for its first try."""
    endpoint = selectors.endpoint_in(request.workspace, endpoint_id)
    return render_page(request, "integrations/webhook.html#log", _log_of(request, endpoint))


@require_POST
@member_view(Capability.MANAGE)
def renew_endpoint_secret(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Give a webhook another secret."""
    endpoint = selectors.endpoint_in(request.workspace, endpoint_id)
    return _show_secret(request, endpoint, services.renew_endpoint_secret(endpoint), is_new=False)


@require_POST
@member_view(Capability.MANAGE)
def send_test(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Send something, to see whether it arrives."""
    endpoint = selectors.endpoint_in(request.workspace, endpoint_id)
    try:
        services.send_test(endpoint)
    except DomainError as error:
        messages.error(request, error.message)
    return redirect(request, "integrations:webhook", endpoint.pk)


@require_POST
@member_view(Capability.MANAGE)
def resend(request: MemberRequest, endpoint_id: int, delivery_id: int) -> HttpResponse:
    """Tell a program again what it was told."""
    endpoint = selectors.endpoint_in(request.workspace, endpoint_id)
    try:
        services.resend(selectors.delivery_to(endpoint, delivery_id))
    except DomainError as error:
        if error.status == 404:
            raise
        messages.error(request, error.message)
    return redirect(request, "integrations:webhook", endpoint.pk)


@require_POST
@member_view(Capability.MANAGE)
def delete_endpoint(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Delete a webhook with its log."""
    endpoint = selectors.endpoint_in(request.workspace, endpoint_id)
    services.delete_endpoint(endpoint)
    messages.success(request, f"The webhook to {endpoint.url} was deleted.")
    return redirect(request, "integrations:webhooks")


def _edit(request: MemberRequest, endpoint: WebhookEndpoint | None) -> HttpResponse:
    # The form writes into what it is given; the service must see what changes.
    own = selectors.endpoint_in(request.workspace, endpoint.pk) if endpoint else None
    form = WebhookForm(request.POST or None, instance=own)
    if form.is_valid():
        try:
            made, secret = services.save_endpoint(workspace=request.workspace, endpoint=endpoint, **form.cleaned_data)
        except DomainError as error:
            add_refusal(form, error)
        else:
            if secret:
                return _show_secret(request, made, secret, is_new=True)
            messages.success(request, "The webhook was saved.")
            return redirect(request, "integrations:webhook", made.pk)
    context = {"form": form, "endpoint": endpoint, **(_log_of(request, endpoint) if endpoint else {})}
    return render_page(request, "integrations/webhook.html", context, status=422 if form.is_bound else 200)


def _log_of(request: HttpRequest, endpoint: WebhookEndpoint) -> dict[str, object]:
    page = paginate(selectors.deliveries_to(endpoint), cursor=request.GET.get("cursor"), order=("-id",))
    is_first = "cursor" not in request.GET
    return {
        "endpoint": endpoint,
        "page": page,
        "log_url": reverse("integrations:webhook_log", args=[endpoint.pk]),
        "is_fresh": is_first and any(delivery.is_waiting and not delivery.attempts for delivery in page.items),
    }


def _show_secret(request: MemberRequest, endpoint: WebhookEndpoint, secret: str, *, is_new: bool) -> HttpResponse:
    context = {"endpoint": endpoint, "secret": secret, "is_new": is_new}
    response = render_page(request, "integrations/webhook_secret.html", context)
    response["Cache-Control"] = "no-store"
    return response
