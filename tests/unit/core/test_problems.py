"""Errors of the API as RFC 9457 problems."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions

from core.api.problems import exception_handler
from core.exceptions import DomainError, InvalidInput


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DomainError("Only a draft can be scheduled."), 409, "conflict"),
        (DomainError("No.", code="last_owner"), 409, "last_owner"),
        (InvalidInput("No.", fields={"name": ["Too long."]}), 422, "invalid"),
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "forbidden"),
        (exceptions.ParseError(), 400, "parse_error"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.MethodNotAllowed("POST"), 405, "method_not_allowed"),
        (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (exceptions.Throttled(wait=3.2), 429, "throttled"),
    ],
)
def test_every_error_becomes_a_problem(error, status, code):
    response = exception_handler(error, {})

    assert response.status_code == response.data["status"] == status
    assert response.data["code"] == code
    assert response.data["type"] == f"about:blank#{code}"
    assert response.data["title"] != "Error"
    assert response.data["detail"]
    assert response.content_type == "application/problem+json"


def test_who_asks_too_often_is_told_when_to_come_back():
    assert exception_handler(exceptions.Throttled(wait=3.2), {}).headers["Retry-After"] == "4"


def test_nested_errors_are_named_by_their_path():
    error = exceptions.ValidationError(
        {"steps": [{}, {"subject": ["Required."]}], "non_field_errors": ["Too many."], "lists": ["Unknown."]}
    )

    response = exception_handler(error, {})

    assert response.status_code == 422
    assert response.data["errors"] == {"steps.1.subject": ["Required."], "": ["Too many."], "lists": ["Unknown."]}


def test_a_list_of_messages_is_about_the_whole():
    assert exception_handler(exceptions.ValidationError(["Nope."]), {}).data["errors"] == {"": ["Nope."]}


def test_an_error_nobody_expected_is_left_to_django():
    assert exception_handler(ZeroDivisionError(), {}) is None
