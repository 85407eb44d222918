"""Answers to pages and to HTMX. A view parses, calls one service, and answers with one of these."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.response import HttpResponseRedirectBase
from django.shortcuts import redirect as plain_redirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HTMX_STOP_POLLING, HttpResponseClientRedirect, trigger_client_event
from django_htmx.middleware import HtmxDetails

_UNDO = "undo="

Level = Literal["success", "info", "warning", "danger"]


def is_fragment(request: HttpRequest) -> bool:
    """Tells whether the browser wants a part of the page: HTMX asked, and neither as a boost nor to restore its history."""
    details: HtmxDetails | None = getattr(request, "htmx", None)
    if not details:
        return False
    return not details.boosted and not details.history_restore_request


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    partial: str = "",
    status: int = 200,
) -> HttpResponse:
    """Renders the page, or its ``{% partialdef %}`` named ``partial`` if HTMX asked: both share one template and one URL."""
    fragment = bool(partial) and is_fragment(request)
    name = f"{template}#{partial}" if fragment else template
    response = render(request, name, dict(context or {}), status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def invalid(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, partial: str = "form"
) -> HttpResponse:
    """Answers 422 with the form and its errors; the browser swaps it in and focuses the summary."""
    return render_page(request, template, context, partial=partial, status=422)


def redirect(request: HttpRequest, to: Any, *args: Any, **kwargs: Any) -> HttpResponse:
    """Redirects the whole page, also when HTMX asked. ``to`` is what Django's ``redirect`` takes: a URL, a name or a model."""
    response: HttpResponseRedirectBase = plain_redirect(to, *args, **kwargs)
    if is_fragment(request):
        return HttpResponseClientRedirect(response.url)
    return response


def refuse(request: HttpRequest, message: str, *, status: int = 409) -> HttpResponse:
    """Says that the state forbids this and that nothing changed: a toast for HTMX, else a page with the message."""
    if is_fragment(request):
        return toast(HttpResponse(status=status), message, level="danger")
    return render(request, "layout/refused.html", {"message": message, "status": status}, status=status)


def toast[ResponseT: HttpResponseBase](
    response: ResponseT, message: str, *, level: Level = "success", undo_url: str | None = None
) -> ResponseT:
    """Adds a toast to an HTMX answer. ``undo_url`` is POSTed by its Undo button. May be called several times."""
    items = _pending_toasts(response)
    items.append({"message": message, "level": level, "undo_url": undo_url})
    return trigger_client_event(response, "toast", {"items": items})


def say(request: HttpRequest, message: str, *, undo_url: str) -> None:
    """Tells on the next page, or by this answer's toast, what was done; ``undo_url`` is POSTed by its Undo button."""
    messages.success(request, message, extra_tags=f"{_UNDO}{undo_url}")


def undo_url_of(message: Message) -> str | None:
    """Returns what a message of ``say`` is taken back with."""
    tags = message.extra_tags or ""
    return tags.removeprefix(_UNDO) if tags.startswith(_UNDO) else None


def trigger[ResponseT: HttpResponseBase](
    response: ResponseT, event: str, detail: Mapping[str, Any] | None = None
) -> ResponseT:
    """Fires a DOM event on the element that asked, e.g. ``dialog-close`` or ``saved`` with ``{"version": 4}``."""
    return trigger_client_event(response, event, dict(detail or {}))


def stop_polling[ResponseT: HttpResponseBase](response: ResponseT) -> ResponseT:
    """Marks the answer as the last one of a poll (status 286): it is swapped in and the polling ends."""
    response.status_code = HTMX_STOP_POLLING
    response.reason_phrase = "Stop Polling"
    return response


def _pending_toasts(response: HttpResponseBase) -> list[dict[str, Any]]:
    header = response.headers.get("HX-Trigger", "")
    if not header.startswith("{"):
        return []
    items: list[dict[str, Any]] = json.loads(header).get("toast", {}).get("items", [])
    return items
