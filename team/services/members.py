"""Members and their roles."""

from django.db import transaction

from core.exceptions import Forbidden, InvalidInput
from team.exceptions import TeamError
from team.models import Membership, Role, Workspace
from team.services.grants import drop_grants


@transaction.atomic
def change_role(membership: Membership, *, role: str, by: Membership | None) -> Membership:
    """Give a member another role.

    Only owners make or unmake owners (`by` None: a command or an API token, which count as admins). Raises Forbidden,
    and TeamError when the last owner would lose the role.
    """
    if role not in Role.values:
        raise InvalidInput("There is no such role.", fields={"role": ["There is no such role."]})
    _lock_owners(membership.workspace_id)
    membership.refresh_from_db()
    check_rank(by, membership.role, role)
    if membership.role == Role.OWNER and role != Role.OWNER:
        _check_other_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    return membership


@transaction.atomic
def remove_member(membership: Membership, *, by: Membership | None) -> None:
    """Take a member out of the workspace, with the grants they hold in it.

    Everybody may leave; removing an owner takes an owner. Raises Forbidden, and TeamError for the last owner.
    """
    _lock_owners(membership.workspace_id)
    membership.refresh_from_db()
    if by is None or by.pk != membership.pk:
        check_rank(by, membership.role)
    if membership.role == Role.OWNER:
        _check_other_owner(membership)
    drop_grants(membership)
    membership.delete()


def _lock_owners(workspace_id: int) -> None:
    # Two owners who step down at the same moment must not both succeed.
    list(Workspace.objects.select_for_update().filter(pk=workspace_id).values_list("pk"))


def check_rank(by: Membership | None, *roles: str) -> None:
    """Raise Forbidden when an owner is concerned and `by` is none."""
    if Role.OWNER in roles and (by is None or by.role != Role.OWNER):
        raise Forbidden("Only an owner can make, change or remove an owner.")


def _check_other_owner(membership: Membership) -> None:
    owners = Membership.objects.filter(workspace_id=membership.workspace_id, role=Role.OWNER, user__is_active=True)
    if not owners.exclude(pk=membership.pk).exists():
        raise TeamError("A workspace needs an owner. Make somebody else an owner first.", code="last_owner")
