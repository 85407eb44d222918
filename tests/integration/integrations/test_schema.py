"""The OpenAPI schema: what every operation says, and that it is valid."""

import json

import pytest
from django.core.management import call_command
from django.test import Client

pytestmark = pytest.mark.django_db

OPERATIONS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def schema():
    response = Client().get("/api/v1/schema/?format=json")
    assert response.status_code == 200
    return json.loads(response.content)


def operations(schema):
    return [
        (f"{method.upper()} {path}", method, path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if method in OPERATIONS
    ]


def test_it_is_openapi_3_1_without_warnings(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))

    assert (tmp_path / "schema.yaml").read_text().startswith("openapi: 3.1.0")


def test_every_operation_says_what_its_errors_look_like(schema):
    for name, method, path, operation in operations(schema):
        needed = {"401", "403", "429"}
        needed |= {"404"} if "{" in path else set()
        needed |= {"409", "422"} if method != "get" else set()
        assert needed <= set(operation["responses"]), name
    problem = schema["components"]["schemas"]["Problem"]
    assert set(problem["required"]) == {"type", "title", "status", "code", "detail"}


def test_every_write_takes_an_idempotency_key(schema):
    for name, method, _, operation in operations(schema):
        takes = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
        assert takes is (method != "get"), name


def test_the_token_is_the_only_way_in(schema):
    assert list(schema["components"]["securitySchemes"]) == ["token"]
    for name, _, _, operation in operations(schema):
        assert operation.get("security", [{"token": []}])[0] == {"token": []}, name


def test_the_resources_of_the_contract_are_there(schema):
    resources = {path.split("/")[3] for path in schema["paths"]} - {""}

    assert {"contacts", "contact-fields", "lists", "segments", "imports", "suppressions"} <= resources
    assert {"templates", "template-categories", "assets", "mailboxes", "campaigns"} <= resources
    assert {"sequences", "enrolments", "messages", "activities", "members"} <= resources
