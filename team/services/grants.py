"""Grants on single objects, beyond what a role allows."""

from django.db import transaction
from django.db.models import Model
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from core.exceptions import InvalidInput
from team import actors, shares
from team.access import ROLE_CAPABILITIES, SHARE_CAPABILITIES, SHARED_ACTIONS, share_of, shares_for
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


@transaction.atomic
def share(*, obj: Model, membership: Membership, access: str) -> str:
    """Share an object with a member of its workspace: "edit", "send", or "" to end the share.  Returns what they had.

    Raises InvalidInput for what can't be given on such an object, and TeamError when the member's role allows it anyway
    (a share that changes nothing would surprise whoever takes the role away) or when they have just left.
    """
    model = type(obj)
    if access and access not in shares_for(model):
        raise InvalidInput("This can’t be given here.", fields={"access": [f"One of {', '.join(shares_for(model))}."]})
    # Against a removal at the same moment: it deletes this row, and with it what is shared.
    if not Membership.objects.select_for_update().filter(pk=membership.pk, workspace_id=obj.workspace_id).exists():  # type: ignore[attr-defined]  # as above
        raise TeamError(
            f"{membership.user} is not a member of this workspace, so nothing in it can be shared with them."
        )
    wanted = SHARE_CAPABILITIES.get(access, frozenset())
    if wanted and wanted <= ROLE_CAPABILITIES[membership.role]:
        role = membership.get_role_display().lower()
        raise TeamError(f"{membership.user} can do this anyway, by the role of {role}.", code="role_suffices")
    held = shares.actions_by_user(obj).get(membership.user_id, frozenset())
    for capability, action in SHARED_ACTIONS.items():
        if capability in wanted and action not in held:
            grant(user=membership.user, obj=obj, action=action)
        elif capability not in wanted and action in held:
            revoke(user=membership.user, obj=obj, action=action)
    return share_of(held)


@transaction.atomic
def end_shares(obj: Model) -> None:
    """End every share of an object that is about to be deleted; django-guardian's rows don't go by themselves."""
    workspace_id: int = obj.workspace_id  # type: ignore[attr-defined]  # as above
    actors.set_local(actors.WORKSPACE_SETTING, str(workspace_id))
    shares.rows_of(type(obj)).filter(object_pk=str(obj.pk)).delete()


def _permission(obj: Model, action: str) -> str:
    meta = obj._meta
    return f"{meta.app_label}.{action}_{meta.model_name}"


@transaction.atomic
def drop_grants(membership: Membership) -> None:
    """Delete the member's grants on objects of this workspace; those in other workspaces stay."""
    actors.set_local(actors.WORKSPACE_SETTING, str(membership.workspace_id))
    list(
        Membership.objects.select_for_update().filter(pk=membership.pk).values_list("pk")
    )  # waits for a share being made
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
