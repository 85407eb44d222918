"""Brings refusals and messages to the browser in the form it asked for: a page, or a toast for HTMX."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from django.contrib.messages import constants, get_messages
from django.http import Http404, HttpRequest, HttpResponseBase

from frontend.htmx import Level, is_fragment, refuse, toast, undo_url_of

LEVELS: dict[int, Level] = {
    constants.DEBUG: "info",
    constants.INFO: "info",
    constants.SUCCESS: "success",
    constants.WARNING: "warning",
    constants.ERROR: "danger",
}
NAVIGATING_HEADERS = ("HX-Redirect", "HX-Location", "HX-Refresh")


@runtime_checkable
class Refusal(Protocol):
    """The shape of an error that is meant for the person who asked (core's ``DomainError``, which we don't know)."""

    message: str
    code: str
    status: int


class DomainErrorMiddleware:
    """Answers a refusal that no view handled with its own sentence and status; not-found ones look like any other 404."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Django's hook for an exception of the view."""
        if not isinstance(exception, Refusal):
            return None
        if exception.status == 404 and not is_fragment(request):
            raise Http404(exception.message) from exception
        return refuse(request, exception.message, status=exception.status)


class MessagesAsToasts:
    """Turns waiting messages into toasts on HTMX answers. Where the answer leaves the page, they wait for the next one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not is_fragment(request) or not hasattr(request, "_messages"):
            return response
        leaves = 300 <= response.status_code < 400 or any(name in response.headers for name in NAVIGATING_HEADERS)
        if leaves:
            return response
        for message in get_messages(request):
            toast(response, str(message), level=LEVELS.get(message.level, "info"), undo_url=undo_url_of(message))
        return response
