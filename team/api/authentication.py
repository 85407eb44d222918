"""Two ways into the API: a bearer token of a workspace, or the session of a signed-in member."""

from typing import cast

from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from team import actors, selectors, services
from team.access import MemberRequest
from team.middleware import SAFE_METHODS
from team.models import ApiToken, Membership, User

SCHEME = "Bearer"


def bearer_token(request: HttpRequest) -> ApiToken | None:
    """Return the token of the request's Authorization header, None without one; looked up once a request.

    Raises AuthenticationFailed when the header holds no working token.
    """
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != SCHEME.lower():
        return None
    known: ApiToken | None = getattr(request, "api_token", None)
    token = known or selectors.active_token(secret.strip())
    if token is None:
        raise exceptions.AuthenticationFailed("This API token does not exist or was revoked.")
    request.api_token = token  # type: ignore[attr-defined]  # a memo on the request, read above
    return token


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer db_…`; `request.auth` is the ApiToken, `request.user` the one who made it, if still there."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        http = cast("MemberRequest", request._request)  # noqa: SLF001 - DRF has no other way to Django's request
        token = bearer_token(http)
        if token is None:
            return None
        http.workspace = token.workspace
        http.actor_label = f"token:{token.pk}"
        if http.method not in SAFE_METHODS:
            actors.set_actor(http.actor_label)
        services.note_token_use(token)
        return token.created_by or http.user, token

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class MemberSessionAuthentication(SessionAuthentication):
    """The browser's session, guarded by the CSRF token; `request.auth` is the Membership in the current workspace."""

    def authenticate(self, request: Request) -> tuple[User, Membership] | None:
        found = super().authenticate(request)
        membership: Membership | None = getattr(request._request, "membership", None)  # noqa: SLF001 - as above
        if found is None:
            return None
        if membership is None:
            raise exceptions.PermissionDenied("You are not a member of any workspace.")
        return cast("User", found[0]), membership
