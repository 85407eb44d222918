"""What every operation of the OpenAPI schema has in common: how to sign in, what errors look like, safe repetition."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from core.api.problems import CONTENT_TYPE

TOKEN_SCHEME = "token"  # noqa: S105 - the name of a scheme
WRITES = ("post", "put", "patch", "delete")

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "An error, as RFC 9457 describes it.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string", "description": "The kind of error, in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "code": {"type": "string", "description": "Stable and meant for programs, as in `invalid`."},
        "detail": {"type": "string", "description": "What went wrong here, for people."},
        "errors": {
            "type": "object",
            "description": "Messages by field; nested fields as in `steps.0.subject`.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}
EVERYWHERE = {
    "401": "The token is missing, unknown or revoked.",
    "403": "The token's scopes or the member's role don't allow this.",
    "429": "Too many requests: come back after `Retry-After` seconds.",
}
WITH_PATH = {"404": "It isn't there, or belongs to another workspace."}
WITH_INPUT = {
    "409": "The state forbids it; or a request with the same Idempotency-Key is under way.",
    "422": "The input can't be used; `errors` says where.",
}
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "Any unique text, best a UUID. Sent again within 24 hours, the same write is answered as the first time "
    "and happens once.",
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    """The bearer token, as OpenAPI names it."""

    target_class = "team.api.authentication.TokenAuthentication"
    name = TOKEN_SCHEME

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token of a workspace: `Authorization: Bearer db_…`. Made under Settings → API tokens, "
            "or by `manage.py create_token`.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as above
    """The session is the web pages' own way in and no part of the public contract."""

    target_class = "team.api.authentication.MemberSessionAuthentication"
    name = ["session"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        return []

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, Any]]:
        return []


def only_resources(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Leave the schema's own address out of the schema."""
    return [endpoint for endpoint in endpoints if not endpoint[0].startswith("/api/v1/schema/")]


def document_common(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add to every operation the errors that it may answer with, and to writes the Idempotency-Key."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            problems = EVERYWHERE | (WITH_PATH if "{" in path else {}) | (WITH_INPUT if method in WRITES else {})
            for status, description in problems.items():
                operation["responses"].setdefault(status, _problem_response(description))
            if method in WRITES:
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    return result


def _problem_response(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {CONTENT_TYPE: {"schema": schema}}}
