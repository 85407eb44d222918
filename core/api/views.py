"""What the API answers outside of its resources."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from core.api.problems import plain_problem

API_PREFIX = "/api/"


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The API's documentation, drawn in the browser from the schema, by files of our own under the strict CSP."""
    return render(request, "api/docs.html")


@csrf_exempt
def nowhere(request: HttpRequest, path: str) -> HttpResponse:
    """Answer a path of the API that leads nowhere with a problem instead of a page."""
    return plain_problem(
        status_code=404, code="not_found", detail=f"There is no {API_PREFIX}v1/{path}; paths end in a slash."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: a problem for the API's clients, a page for everybody else."""
    if request.path.startswith(API_PREFIX):
        detail = "Something broke on our side; it was logged. Try again later, with the same Idempotency-Key."
        return plain_problem(status_code=500, code="server_error", detail=detail)
    return defaults.server_error(request)
