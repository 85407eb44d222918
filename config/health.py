"""Is this process alive, and is Drumbeat ready to work?"""

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare

from config import heartbeats, metrics


class ProbeMiddleware:
    """Answers `/healthz`, `/readyz` and `/metrics` before anything else runs.

    Probes come by IP address and without a cookie: no host check may refuse them and no session be looked up for them.
    `/healthz` is 200 as long as this process can answer at all; `/readyz` is 200 if the database, Redis and a worker
    are there, else 503 with the reason. `/metrics` asks for METRICS_TOKEN if that is set; else it is for those who reach
    this process themselves, and not there for what came by a proxy from outside.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/healthz":
            return _plain("ok")
        if request.path_info == "/readyz":
            problem = first_problem()
            return _plain(problem or "ok", status=503 if problem else 200)
        if request.path_info == "/metrics" and _may_scrape(request):
            return HttpResponse(metrics.render(), content_type=metrics.CONTENT_TYPE)
        return self.get_response(request)


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        return constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}")
    return "X-Forwarded-For" not in request.headers


def _plain(text: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", status=status)


def first_problem() -> str | None:
    """Return what keeps Drumbeat from working, in one sentence; None if nothing does."""
    return database_problem() or workers_problem()


def database_problem() -> str | None:
    """Return why the database can't be used; None if it can."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return f"The database does not answer: {first_line(error)}."
    return None


def workers_problem() -> str | None:
    """Return why no work would be done: Redis is down or no worker lives; None if all is well."""
    try:
        if heartbeats.live_workers():
            return None
    except redis.RedisError as error:
        return f"Redis does not answer: {first_line(error)}."
    return f"No worker has shown a sign of life for {heartbeats.WORKER_TIMEOUT.total_seconds():.0f} seconds."


def first_line(error: Exception) -> str:
    """Return an error's first line without its full stop, to be put into a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
