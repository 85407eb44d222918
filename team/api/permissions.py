from typing import TYPE_CHECKING, Any

from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from team import scopes
from team.access import REFUSALS, Capability, can, may
from team.models import ApiToken, Membership

if TYPE_CHECKING:  # REST framework's views read their settings, which name this module
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Opens an action to tokens that have its scope, and to members whose role, or share of the object, has its capability.

    The view names its `scope` (a resource of `team.scopes`). Safe methods and the actions listed in `read_actions` need
    `<scope>:read` and VIEW, all others `<scope>:write` and `capabilities[action]`, or else `write_capability`.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        match request.auth:
            case ApiToken() as token:
                write = not _reads(request, view)
                if scopes.allows(token.scopes, view.scope, write=write):  # type: ignore[attr-defined]  # WorkspaceViewSet
                    return True
                needed = f"{view.scope}:{'write' if write else 'read'}"  # type: ignore[attr-defined]  # as above
                raise exceptions.PermissionDenied(f"This API token lacks the scope {needed}.")
            case Membership() as membership:
                capability = _capability(request, view)
                if can(membership, capability) or _by_share(membership, capability, view):
                    return True
                raise exceptions.PermissionDenied(REFUSALS[capability])
        return False


class IsKnown(BasePermission):
    """Opens an action to every working token and every member."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return request.auth is not None


def _by_share(membership: Membership, capability: Capability, view: Any) -> bool:
    """Tell whether a share of the one object that the action is about opens it."""
    model, key = view.shared, view.kwargs.get("pk")
    if model is None or key is None or view.action in view.role_actions:
        return False
    return may(membership, capability, model, key)


def _reads(request: Request, view: Any) -> bool:
    return request.method in SAFE_METHODS or getattr(view, "action", None) in view.read_actions


def _capability(request: Request, view: Any) -> Capability:
    default = Capability.VIEW if _reads(request, view) else view.write_capability
    capability: Capability = view.capabilities.get(getattr(view, "action", None), default)
    return capability
