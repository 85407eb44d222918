"""Who may do what: roles, what each role can do, and the guard in front of every page.

Exported: apps above use this module as they use `models` and `services` (docs/decisions/0004-doors.md).
"""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Concatenate
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from core.exceptions import Forbidden
from frontend.htmx import is_fragment, redirect
from team.models import Membership, Role, User, Workspace


class Capability(StrEnum):
    """What a member may do; a page or an API action asks for exactly one."""

    VIEW = "view"
    """See everything in the workspace."""
    EDIT = "edit"
    """Change contacts, templates and campaign drafts."""
    SEND = "send"
    """Launch, schedule, pause, resume and cancel campaigns."""
    APPROVE = "approve"
    """Approve what somebody else made."""
    MANAGE = "manage"
    """Mailboxes, members, API tokens, workspace settings, the audit trail and exports of personal data."""


_EVERYTHING = frozenset(Capability)

ROLE_CAPABILITIES: dict[str, frozenset[Capability]] = {
    Role.OWNER: _EVERYTHING,
    Role.ADMIN: _EVERYTHING,
    Role.EDITOR: frozenset({Capability.VIEW, Capability.EDIT, Capability.SEND}),
    Role.APPROVER: frozenset({Capability.VIEW, Capability.APPROVE}),
    Role.ANALYST: frozenset({Capability.VIEW}),
}

REFUSALS: dict[Capability, str] = {
    Capability.VIEW: "You are not a member of this workspace.",
    Capability.EDIT: "Your role lets you look, not change. An owner or admin of the workspace can give you the editor role.",
    Capability.SEND: "Your role does not allow sending. An owner or admin of the workspace can give you the editor role.",
    Capability.APPROVE: "Your role does not allow approving. An owner or admin of the workspace can give you the approver role.",
    Capability.MANAGE: "Only owners and admins of the workspace can do this.",
}


class MemberRequest(HttpRequest):
    """What a view behind `member_view` receives (a type for checkers: no such object is ever made)."""

    if TYPE_CHECKING:
        user: User
        workspace: Workspace
        membership: Membership
        workspaces: list[Workspace]
        actor_label: str
        may: Callable[[str], bool]


def can(membership: Membership | None, capability: Capability) -> bool:
    """Tell whether the member's role has the capability; nobody (None) can do anything."""
    return membership is not None and capability in ROLE_CAPABILITIES[membership.role]


def require(membership: Membership | None, capability: Capability) -> None:
    """Raise Forbidden, saying which role would do, unless the member has the capability."""
    if not can(membership, capability):
        raise Forbidden(REFUSALS[capability])


def member_view[**P, ResponseT: HttpResponseBase](
    capability: Capability,
) -> Callable[
    [Callable[Concatenate[MemberRequest, P], ResponseT]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Guard a page: sign in first, then have a workspace, then have the capability in it.

    Signed out: redirect to the login page, which leads back. No workspace: redirect to the page that creates one.
    Without the capability: Forbidden (403). HTMX requests are redirected as a whole page.
    """

    def decorate(
        view: Callable[Concatenate[MemberRequest, P], ResponseT],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_login(request)
            membership: Membership | None = getattr(request, "membership", None)
            if membership is None:
                return redirect(request, "team:create_workspace")
            require(membership, capability)
            return view(request, *args, **kwargs)  # type: ignore[arg-type]  # the middleware has put the attributes on it

        return guarded

    return decorate


def signed_in_view[**P, ResponseT: HttpResponseBase](
    view: Callable[Concatenate[MemberRequest, P], ResponseT],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Guard a page that needs a user but no workspace (the profile, the page that creates a workspace)."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_login(request)
        return view(request, *args, **kwargs)  # type: ignore[arg-type]  # as above

    return guarded


def to_login(request: HttpRequest) -> HttpResponseBase:
    """Redirect to the login page; after it, back to this page (or, for a fragment, to the page that holds it).

    What a page sends in the background is answered with 401 instead, so that what was typed there stays on the screen.
    """
    if not is_fragment(request):
        return redirect_to_login(request.get_full_path())
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=401)
    page = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]  # put there by django-htmx
    return redirect(request, f"{reverse('team:login')}?{urlencode({'next': page})}")
