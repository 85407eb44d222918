"""Reads of users, members, tokens and grants."""

from dataclasses import dataclass
from hashlib import sha256

from django.db import connection
from django.db.models import Case, IntegerField, Model, QuerySet, Value, When
from guardian.shortcuts import get_objects_for_user

from core import clock, sealing
from core.exceptions import NotFound
from team import shares
from team.access import Capability, can, role_share, share_of
from team.invitations import read_invitation_token
from team.models import ApiToken, AuditEntry, Invitation, Membership, Role, Share, User, Workspace
from team.trail import actor_names as actor_names

_RANK = Case(*(When(role=role, then=Value(rank)) for rank, role in enumerate(Role)), output_field=IntegerField())


def is_set_up() -> bool:
    """Tell whether the installation has its first user."""
    return User.objects.exists()


def memberships_of(user: User) -> QuerySet[Membership]:
    """Return the user's memberships with their workspaces, by the workspace's name."""
    return Membership.objects.filter(user=user).select_related("workspace").order_by("workspace__name", "pk")


def membership_in(workspace: Workspace, user: User) -> Membership | None:
    """Return the user's membership in the workspace, if there is one."""
    return Membership.objects.filter(workspace=workspace, user=user).select_related("workspace", "user").first()


def members_in(workspace: Workspace) -> QuerySet[Membership]:
    """Return the workspace's members with their users, owners first."""
    return Membership.objects.filter(workspace=workspace).select_related("user").order_by(_RANK, "user__email", "pk")


def member_in(workspace: Workspace, membership_id: int) -> Membership:
    """Return one member with their user.  Raises NotFound when they aren't there or are another workspace's."""
    membership = members_in(workspace).filter(pk=membership_id).first()
    if membership is None:
        raise NotFound("There is no such member.")
    return membership


@dataclass(frozen=True, slots=True)
class Access:
    """What a member may do with one object: a value of `team.models.Share`, or "" for looking alone."""

    membership: Membership
    by_role: str
    share: str


def access_to(obj: Model) -> list[Access]:
    """Return what each member may do with an object, owners first, in two queries.  `obj` needs a `workspace_id`."""
    members = Membership.objects.filter(workspace_id=_workspace_id(obj)).select_related("user")
    held = shares.actions_by_user(obj)
    return [
        Access(member, role_share(member.role, type(obj)), share_of(held.get(member.user_id, frozenset())))
        for member in members.order_by(_RANK, "user__email", "pk")
    ]


def shares_in_words(obj: Model) -> str:
    """Return with whom an object is shared, as in "Ada Lovelace: can edit"; "—" for nobody."""
    shared = [access for access in access_to(obj) if access.share]
    return ", ".join(f"{access.membership.user}: {Share(access.share).label.lower()}" for access in shared) or "—"


def open_invitations_in(workspace: Workspace) -> QuerySet[Invitation]:
    """Return the invitations that nobody has accepted, expired ones included, newest first."""
    invitations = Invitation.objects.filter(workspace=workspace, accepted_at=None)
    return invitations.select_related("invited_by").order_by("-created_at", "-pk")


def usable_invitation(token: str) -> Invitation | None:
    """Return the invitation that a link leads to; None when it was changed, used, withdrawn or is over."""
    try:
        invitation_id = read_invitation_token(token)
    except sealing.BadToken:
        return None
    usable = Invitation.objects.filter(pk=invitation_id, accepted_at=None, expires_at__gt=clock.now())
    return usable.select_related("workspace", "invited_by").first()


def tokens_in(workspace: Workspace) -> QuerySet[ApiToken]:
    """Return the workspace's API tokens that work, newest first."""
    tokens = ApiToken.objects.filter(workspace=workspace, revoked_at=None)
    return tokens.select_related("created_by").order_by("-created_at", "-pk")


def token_digest(secret: str) -> bytes:
    """Return what is stored of a token: its SHA-256, 32 bytes.  Tokens are random, so no salt or stretching is needed."""
    return sha256(secret.encode()).digest()


def active_token(secret: str) -> ApiToken | None:
    """Return the token that was given out as `secret`, with its workspace and maker, unless it was revoked."""
    tokens = ApiToken.objects.select_related("workspace", "created_by")
    return tokens.filter(digest=token_digest(secret), revoked_at=None).first()


def can_edit(user: User, obj: Model) -> bool:
    """Tell whether the user may change an object of a workspace: by their role there, or by a grant on the object.

    A grant counts only while its holder is a member of the object's workspace. `obj` needs a `workspace_id`.
    """
    membership = Membership.objects.filter(workspace_id=_workspace_id(obj), user=user).first()
    if membership is None or not user.is_active:
        return False
    return can(membership, Capability.EDIT) or granted(user, type(obj)._default_manager.filter(pk=obj.pk)).exists()


def granted[ModelT: Model](user: User, queryset: QuerySet[ModelT], action: str = "change") -> QuerySet[ModelT]:
    """Return those objects of the queryset on which the user holds a grant of `action` ("view", "change", "delete")."""
    meta = queryset.model._meta
    found: QuerySet[ModelT] = get_objects_for_user(
        user,
        f"{meta.app_label}.{action}_{meta.model_name}",
        klass=queryset,
        use_groups=False,
        with_superuser=False,
        accept_global_perms=False,
    )
    return found


def _workspace_id(obj: Model) -> int:
    workspace_id: int = obj.workspace_id  # type: ignore[attr-defined]  # every row of the product has one
    return workspace_id


def trail_of(workspace: Workspace) -> QuerySet[AuditEntry]:
    """Return the workspace's audit trail."""
    return AuditEntry.objects.filter(workspace_id=workspace.pk)


def trail_actors(workspace: Workspace) -> list[str]:
    """Return the labels of everybody who ever changed something in the workspace."""
    return _distinct(workspace, "actor")


def trail_tables(workspace: Workspace) -> list[str]:
    """Return the tables that the workspace's trail knows."""
    return _distinct(workspace, "table")


def _distinct(workspace: Workspace, column: str) -> list[str]:
    # A loose index scan: one step of the index on (workspace_id, column) per distinct value, however long the trail.
    name = connection.ops.quote_name(column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE found AS (
                SELECT min({name}) AS value FROM team_auditentry WHERE workspace_id = %(workspace)s
                UNION ALL
                SELECT (SELECT min({name}) FROM team_auditentry WHERE workspace_id = %(workspace)s AND {name} > found.value)
                FROM found WHERE found.value IS NOT NULL
            )
            SELECT value FROM found WHERE value IS NOT NULL
            """,  # noqa: S608 - the column is one of two constants above
            {"workspace": workspace.pk},
        )
        return [str(value) for (value,) in cursor.fetchall()]
