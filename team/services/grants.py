"""Grants on single objects, beyond what a role allows."""

from django.db import transaction
from django.db.models import Model
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from team import actors
from team.exceptions import TeamError
from team.models import Membership, User


@transaction.atomic
def grant(*, user: User, obj: Model, action: str = "change") -> None:
    """Let a member do `action` ("view", "change", "delete") on one object, beyond what their role allows.

    `obj` needs a `workspace_id`. Raises TeamError when the user is no member of the object's workspace: a grant widens
    a role within a workspace and never crosses its border.
    """
    workspace_id: int = obj.workspace_id  # type: ignore[attr-defined]  # every row of the product has one
    if not Membership.objects.filter(workspace_id=workspace_id, user=user).exists():
        raise TeamError(f"{user} is not a member of this workspace, so nothing in it can be shared with them.")
    actors.set_local(actors.WORKSPACE_SETTING, str(workspace_id))
    assign_perm(_permission(obj, action), user, obj)


@transaction.atomic
def revoke(*, user: User, obj: Model, action: str = "change") -> None:
    """Take a grant back.  Revoking what was never granted is fine."""
    workspace_id: int = obj.workspace_id  # type: ignore[attr-defined]  # as above
    actors.set_local(actors.WORKSPACE_SETTING, str(workspace_id))
    remove_perm(_permission(obj, action), user, obj)


def _permission(obj: Model, action: str) -> str:
    meta = obj._meta
    return f"{meta.app_label}.{action}_{meta.model_name}"


def drop_grants(membership: Membership) -> None:
    """Delete the member's grants on objects of this workspace; those in other workspaces stay."""
    actors.set_local(actors.WORKSPACE_SETTING, str(membership.workspace_id))
    held = UserObjectPermission.objects.filter(user=membership.user).select_related("content_type")
    by_type: dict[type[Model], list[UserObjectPermission]] = {}
    for permission in held:
        model = permission.content_type.model_class()
        if model is not None:
            by_type.setdefault(model, []).append(permission)
    for model, permissions in by_type.items():
        ids = [permission.object_pk for permission in permissions]
        here = model._default_manager.filter(pk__in=ids, workspace_id=membership.workspace_id)
        keys = {str(pk) for pk in here.values_list("pk", flat=True)}
        doomed = [permission.pk for permission in permissions if permission.object_pk in keys]
        UserObjectPermission.objects.filter(pk__in=doomed).delete()
