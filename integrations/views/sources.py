"""Incoming webhooks: the door that takes them, and the pages on which sources are kept."""

from django.contrib import messages
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.api.problems import plain_problem
from core.exceptions import DomainError
from core.forms import add_refusal
from core.standard_webhooks import BadSignatureError
from frontend.htmx import redirect, render_page
from integrations import selectors, services
from integrations.forms import SourceForm
from integrations.models import EventSource
from team.access import Capability, MemberRequest, member_view

MAX_BYTES = 1024**2


@csrf_exempt
@require_POST
def receive(request: HttpRequest, token: str) -> HttpResponse:
    """Take one signed webhook: 202 when it is (or was) taken; the sender tries again at any other answer."""
    source = selectors.source_by_token(token)
    if source is None:
        return plain_problem(status_code=404, code="not_found", detail="Nobody takes webhooks at this address.")
    try:
        body = request.body
    except RequestDataTooBig:
        body = b"x" * (MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        return plain_problem(status_code=413, code="too_large", detail="A webhook has at most 1 MB.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        taken = services.take_webhook(source, headers=headers, body=body)
    except BadSignatureError as error:
        return plain_problem(status_code=401, code="bad_signature", detail=str(error))
    except DomainError as error:
        return plain_problem(status_code=error.status, code=error.code, detail=error.message)
    return JsonResponse({"created": len(taken.ids)}, status=202)


@require_safe
@member_view(Capability.MANAGE)
def sources(request: MemberRequest) -> HttpResponse:
    """The sources, when they last told of something, and what was wrong."""
    return render_page(request, "integrations/sources.html", {"sources": selectors.sources_in(request.workspace)})


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.MANAGE)
def new_source(request: MemberRequest) -> HttpResponse:
    """Make a source; its secret is shown once."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.MANAGE)
def edit_source(request: MemberRequest, source_id: int) -> HttpResponse:
    """A source's address and where the parts of its events stand."""
    return _edit(request, selectors.source_in(request.workspace, source_id))


@require_POST
@member_view(Capability.MANAGE)
def renew_secret(request: MemberRequest, source_id: int) -> HttpResponse:
    """Give a source another secret."""
    source = selectors.source_in(request.workspace, source_id)
    return _show_secret(request, source, services.renew_secret(source))


@require_POST
@member_view(Capability.MANAGE)
def delete_source(request: MemberRequest, source_id: int) -> HttpResponse:
    """Delete a source."""
    source = selectors.source_in(request.workspace, source_id)
    services.delete_source(source)
    messages.success(request, f"The source “{source.name}” was deleted.")
    return redirect(request, "integrations:sources")


def _edit(request: MemberRequest, source: EventSource | None) -> HttpResponse:
    form = SourceForm(request.POST or None, instance=source)
    if form.is_valid():
        try:
            made, secret = services.save_source(workspace=request.workspace, source=source, **form.cleaned_data)
        except DomainError as error:
            add_refusal(form, error)
        else:
            if secret:
                return _show_secret(request, made, secret)
            messages.success(request, f"The source “{made.name}” was saved.")
            return redirect(request, "integrations:sources")
    context = {"form": form, "source": source, "url": selectors.address_of(source) if source else ""}
    return render_page(request, "integrations/source.html", context, status=422 if form.is_bound else 200)


def _show_secret(request: MemberRequest, source: EventSource, secret: str) -> HttpResponse:
    response = render_page(
        request,
        "integrations/source_secret.html",
        {"source": source, "secret": secret, "url": selectors.address_of(source)},
    )
    response["Cache-Control"] = "no-store"
    return response
