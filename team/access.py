"""Who may do what: roles, what each role can do, and the guard in front of every page.

Exported: apps above use this module as they use `models` and `services` (docs/decisions/0004-doors.md).
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Concatenate
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from core.exceptions import Forbidden
from frontend.htmx import is_fragment, redirect
from team import shares
from team.models import Membership, Role, Share, User, Workspace


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

# What a share can add, and the action by which django-guardian keeps it. Nothing else is ever shared: neither what makes
# or removes things, nor approval, nor the right to share.
SHARED_ACTIONS: dict[Capability, str] = {Capability.EDIT: "change", Capability.SEND: "send"}

SHARE_CAPABILITIES: dict[str, frozenset[Capability]] = {
    Share.EDIT: frozenset({Capability.EDIT}),
    Share.SEND: frozenset({Capability.EDIT, Capability.SEND}),
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


def shares_for(model: type[Model]) -> list[Share]:
    """Return what can be given on objects of the model, the least first: sending where the model has that permission."""
    sends = shares.codename(model, SHARED_ACTIONS[Capability.SEND]) in dict(model._meta.permissions)
    return [Share.EDIT, Share.SEND] if sends else [Share.EDIT]


def share_of(actions: frozenset[str]) -> str:
    """Return the share that these actions of django-guardian make up; "" for none."""
    return _highest(frozenset(capability for capability, action in SHARED_ACTIONS.items() if action in actions))


def role_share(role: str, model: type[Model]) -> str:
    """Return the share that the role would be on objects of the model; "" where it only lets look."""
    found = _highest(ROLE_CAPABILITIES[role])
    return found if not found or found in shares_for(model) else shares_for(model)[-1]


def _highest(capabilities: frozenset[Capability]) -> str:
    levels = [str(level) for level, added in SHARE_CAPABILITIES.items() if added <= capabilities]
    return levels[-1] if levels else ""


def may(membership: Membership | None, capability: Capability, model: type[Model], key: object) -> bool:
    """Tell whether the member may do it to this object, by role or by a share; a query only where the role won't do.

    Says nothing about whether the object is there, or in the member's workspace: looking it up does.
    """
    if membership is None or can(membership, capability):
        return membership is not None
    action = SHARED_ACTIONS.get(capability)
    return action is not None and shares.is_shared(membership.user_id, model, key, action)


def require_on(membership: Membership | None, capability: Capability, obj: Model) -> None:
    """Raise Forbidden unless the member may do it to the object, by role or by a share."""
    if not may(membership, capability, type(obj), obj.pk):
        raise Forbidden(REFUSALS[capability])


def capabilities_on(membership: Membership, objects: Sequence[Model]) -> dict[int, frozenset[Capability]]:
    """Return what the member may do to each object, by its key.

    The objects are of one model and of the member's workspace. Costs one query, however many they are, and none for a
    role to which no share adds anything.
    """
    by_role = ROLE_CAPABILITIES[membership.role]
    if not objects or by_role >= SHARED_ACTIONS.keys():
        return {obj.pk: by_role for obj in objects}
    held = shares.actions_on(membership.user_id, type(objects[0]), [obj.pk for obj in objects])
    return {obj.pk: by_role | _capabilities(held.get(obj.pk, frozenset())) for obj in objects}


def _capabilities(actions: frozenset[str]) -> frozenset[Capability]:
    return frozenset(capability for capability, action in SHARED_ACTIONS.items() if action in actions)


def member_view[**P, ResponseT: HttpResponseBase](
    capability: Capability,
    *,
    on: type[Model] | None = None,
) -> Callable[
    [Callable[Concatenate[MemberRequest, P], ResponseT]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Guard a page: sign in first, then have a workspace, then have the capability in it.

    Signed out: redirect to the login page, which leads back. No workspace: redirect to the page that creates one.
    Without the capability: Forbidden (403). HTMX requests are redirected as a whole page. `on` is the model of the one
    object that the page is about (its key is the view's argument `campaign_id` for Campaign): then a share of that object
    opens the page too.
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
            if on is None or not may(membership, capability, on, kwargs[f"{on._meta.model_name}_id"]):
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
