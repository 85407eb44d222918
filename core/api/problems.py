"""Errors of the API as RFC 9457 problem details."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError
from django.http import Http404, HttpResponse, JsonResponse
from rest_framework import exceptions, status, views
from rest_framework.response import Response

from core.exceptions import DomainError, NotFound

CONTENT_TYPE = "application/problem+json"


def problem(
    *,
    status_code: int,
    detail: str,
    code: str,
    errors: dict[str, list[str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a problem: `detail` for people, `code` for programs, `errors` by field ("a.b.0" for nested ones)."""
    body = problem_body(status_code=status_code, detail=detail, code=code, errors=errors)
    return Response(body, status=status_code, headers=headers, content_type=CONTENT_TYPE)


def plain_problem(*, status_code: int, detail: str, code: str, headers: dict[str, str] | None = None) -> HttpResponse:
    """Return a problem from outside DRF: a middleware, or a URL that leads nowhere."""
    body = problem_body(status_code=status_code, detail=detail, code=code)
    return JsonResponse(body, status=status_code, headers=headers, content_type=CONTENT_TYPE)


def problem_body(
    *, status_code: int, detail: str, code: str, errors: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    """Return the members of a problem (RFC 9457, section 3.1, with `code` and `errors` as extensions)."""
    body: dict[str, Any] = {
        "type": f"about:blank#{code}",
        "title": _TITLES.get(status_code, "Error"),
        "status": status_code,
        "code": code,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return body


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook: every error that leaves the API becomes a problem."""
    views.set_rollback()
    match error:
        case DomainError():
            return problem(status_code=error.status, detail=error.message, code=error.code, errors=error.fields)
        case Http404():
            missing = NotFound("There is nothing here, or it belongs to another workspace.")
            return problem(status_code=missing.status, detail=missing.message, code=missing.code)
        case PermissionDenied():
            return problem(status_code=403, detail="You are not allowed to do this.", code="forbidden")
        case RequestDataTooBig():
            most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1_048_576
            detail = f"The request is too large: at most {most} MB can be sent at once."
            return problem(status_code=413, detail=detail, code="too_large")
        case exceptions.ValidationError():
            errors = _flatten(error.detail)
            first = next(iter(errors.items()), ("", ["The input can't be used."]))
            detail = f"{first[0]}: {first[1][0]}" if first[0] else first[1][0]
            return problem(status_code=422, detail=detail, code="invalid", errors=errors)
        case DataError():  # a NUL in a text, a number out of range: what PostgreSQL can't hold came from the request
            return problem(status_code=422, detail="A value holds something that can't be stored.", code="invalid")
        case exceptions.APIException():
            headers: dict[str, str] = {}
            if isinstance(error, exceptions.Throttled) and error.wait is not None:  # type: ignore[attr-defined]
                headers["Retry-After"] = str(max(int(error.wait), 1))  # type: ignore[attr-defined]  # missing in the stubs
            if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
                headers["WWW-Authenticate"] = error.auth_header if hasattr(error, "auth_header") else "Bearer"
            code = error.get_codes() if isinstance(error.get_codes(), str) else error.default_code
            return problem(status_code=error.status_code, detail=str(error.detail), code=str(code), headers=headers)
    return None


def _flatten(detail: Any, path: str = "") -> dict[str, list[str]]:
    if isinstance(detail, dict):
        flat: dict[str, list[str]] = {}
        for key, value in detail.items():
            part = "" if key == "non_field_errors" else str(key)
            flat |= _flatten(value, ".".join(filter(None, (path, part))))
        return flat
    if isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        flat = {}
        for index, item in enumerate(detail):
            flat |= _flatten(item, ".".join(filter(None, (path, str(index)))))
        return flat
    messages = detail if isinstance(detail, list) else [detail]
    return {path: [str(message) for message in messages]} if messages else {}


_TITLES = {
    status.HTTP_400_BAD_REQUEST: "The request can't be read",
    status.HTTP_401_UNAUTHORIZED: "Not signed in",
    status.HTTP_403_FORBIDDEN: "Not allowed",
    status.HTTP_404_NOT_FOUND: "Not found",
    status.HTTP_405_METHOD_NOT_ALLOWED: "Method not allowed",
    status.HTTP_409_CONFLICT: "Not possible in this state",
    status.HTTP_413_REQUEST_ENTITY_TOO_LARGE: "Too large",
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: "Unsupported media type",
    status.HTTP_422_UNPROCESSABLE_ENTITY: "Invalid input",
    status.HTTP_429_TOO_MANY_REQUESTS: "Too many requests",
    status.HTTP_500_INTERNAL_SERVER_ERROR: "Our fault",
}
