"""What `pixel` is compared with: the usual tracking view, which inserts a row by the ORM before it answers."""

import os

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks._orm_settings"
application = get_wsgi_application()

from core import clock  # noqa: E402 - after Django's set-up
from delivery.tokens import read_link_token, read_open_token  # noqa: E402
from tracking.asgi import PIXEL  # noqa: E402
from tracking.hits import micros, new_id  # noqa: E402
from tracking.models import Event, EventKind, Verdict  # noqa: E402


def opened(request: HttpRequest, token: str) -> HttpResponse:
    """Insert an open and answer with the pixel."""
    _insert(request, EventKind.OPENED, read_open_token(token))
    return HttpResponse(PIXEL, content_type="image/gif")


def clicked(request: HttpRequest, token: str) -> HttpResponse:
    """Insert a click and redirect; the target isn't even looked up."""
    message_id, link_id = read_link_token(token)
    _insert(request, EventKind.CLICKED, message_id, link_id)
    return HttpResponse(status=302, headers={"Location": "https://example.com/"})


def _insert(request: HttpRequest, kind: EventKind, message_id: int, link_id: int | None = None) -> None:
    now = clock.now()
    Event.objects.create(
        id=new_id(micros(now)), occurred_at=now, kind=kind, verdict=Verdict.HUMAN, reason="person", workspace_id=1,
        mailing_id=1, message_id=message_id, contact_id=1, link_id=link_id, ip=request.META.get("REMOTE_ADDR"),
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
    )  # fmt: skip


urlpatterns = [
    path("healthz", lambda request: HttpResponse("ok")),
    path("o/<str:token>", opened),
    path("l/<str:token>", clicked),
]
