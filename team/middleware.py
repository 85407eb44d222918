"""Puts the member's workspace on the request, and names the actor of a change for the audit trail."""

from collections.abc import Callable
from typing import cast
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from team import actors, selectors
from team.access import Capability, MemberRequest, can
from team.models import Membership, User

GetResponse = Callable[[HttpRequest], HttpResponseBase]

SESSION_KEY = "workspace_id"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class WorkspaceMiddleware:
    """Sets `request.workspace`, `.membership`, `.workspaces` and `.may`, and shows times in the user's zone.

    The current workspace is kept in the session; without one, or when the member has left it, it is their first by name.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user
        member_request = cast("MemberRequest", request)
        memberships = list(selectors.memberships_of(user)) if user.is_authenticated else []
        membership = _current(memberships, request.session.get(SESSION_KEY) if memberships else None)
        # Views see these through member_view, which lets nobody in without them.
        member_request.membership = membership  # type: ignore[assignment]
        member_request.workspace = membership.workspace if membership else None  # type: ignore[assignment]
        member_request.workspaces = [membership.workspace for membership in memberships]
        member_request.may = lambda capability: can(membership, Capability(capability))
        member_request.actor_label = actor_label(user) if user.is_authenticated else "anonymous"
        with timezone.override(ZoneInfo(user.time_zone) if user.is_authenticated else None):
            return self.get_response(request)


def _current(memberships: list[Membership], workspace_id: int | None) -> Membership | None:
    first = memberships[0] if memberships else None
    return next((membership for membership in memberships if membership.workspace_id == workspace_id), first)


class AuditActorMiddleware:
    """Names the signed-in user as the actor of whatever an unsafe request changes; the API names its token later."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method in SAFE_METHODS:
            return self.get_response(request)
        actors.set_actor(cast("MemberRequest", request).actor_label)
        try:
            return self.get_response(request)
        finally:
            actors.clear_actor()


def actor_label(user: User) -> str:
    """Return how the audit trail names a user."""
    return f"user:{user.pk}"
