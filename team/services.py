"""Every write of the team: users, workspaces, members, invitations, tokens and grants."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Model, Q
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.text import slugify
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from core import clock
from core.exceptions import Forbidden, InvalidInput
from team import actors, mail, selectors
from team.actors import acting_as as acting_as
from team.exceptions import TeamError
from team.invitations import invitation_token
from team.models import ApiToken, AuditEntry, Invitation, Membership, Role, User, Workspace
from team.scopes import SCOPES

INVITATION_LIFE = timedelta(days=7)
TOKEN_USE_GRAIN = timedelta(minutes=1)
TOKEN_MARK = "db_"  # noqa: S105 - what every token starts with, so that leaked ones can be found
TOKEN_BYTES = 32
PREFIX_LENGTH = 10
SETUP_LOCK = 0x64726D73


# Accounts


@transaction.atomic
def set_up(
    *, email: str, password: str, first_name: str, last_name: str, workspace_name: str, time_zone: str
) -> Membership:
    """Make the installation's first user, its administrator, and the first workspace, which they own.

    Raises TeamError when there is a user already, InvalidInput when the password is too weak.
    """
    with connection.cursor() as cursor:  # two people who set up at the same moment must not both become administrator
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SETUP_LOCK])
    if selectors.is_set_up():
        raise TeamError("Drumbeat is set up already. Sign in, or ask for an invitation.")
    user = User(
        email=email,
        first_name=first_name,
        last_name=last_name,
        time_zone=time_zone,
        is_staff=True,
        is_superuser=True,
    )
    _set_password(user, password)
    _clean(user)
    user.save()
    with acting_as(f"user:{user.pk}"):
        workspace = create_workspace(user=user, name=workspace_name, time_zone=time_zone)
    return workspace.memberships.get()


def send_password_reset(email: str) -> None:
    """Mail a link to whoever has this address and a password.  Says nothing about whether anybody does.

    The link works once and for PASSWORD_RESET_TIMEOUT (Django's setting).
    """
    user = User.objects.with_email(email.strip()).filter(is_active=True).first()
    if user is None or not user.has_usable_password():
        return
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("team:reset_password", args=[uid, default_token_generator.make_token(user)])
    mail.send_system_mail(
        "password_reset",
        to=user.email,
        subject="Choose a new password for Drumbeat",
        context={"user": user, "link": mail.absolute_url(path)},
    )


@transaction.atomic
def update_profile(user: User, **changes: Any) -> User:
    """Change first_name, last_name or time_zone.  Raises InvalidInput."""
    return _change(user, changes, allowed={"first_name", "last_name", "time_zone"})


# Workspaces


@transaction.atomic
def create_workspace(*, user: User, name: str, time_zone: str = "") -> Workspace:
    """Make a workspace that the user owns.  Its slug comes from its name, with a number when that is taken."""
    workspace = Workspace(name=name, slug=_free_slug(name), time_zone=time_zone or user.time_zone)
    _clean(workspace)
    workspace.save()
    Membership.objects.create(workspace=workspace, user=user, role=Role.OWNER)
    return workspace


@transaction.atomic
def update_workspace(workspace: Workspace, **changes: Any) -> Workspace:
    """Change name, slug, time_zone, locale, company, postal_address or website.  Raises InvalidInput."""
    allowed = {"name", "slug", "time_zone", "locale", "company", "postal_address", "website"}
    return _change(workspace, changes, allowed=allowed)


# Members


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
    _check_rank(by, membership.role, role)
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
        _check_rank(by, membership.role)
    if membership.role == Role.OWNER:
        _check_other_owner(membership)
    _drop_grants(membership)
    membership.delete()


def _lock_owners(workspace_id: int) -> None:
    # Two owners who step down at the same moment must not both succeed.
    list(Workspace.objects.select_for_update().filter(pk=workspace_id).values_list("pk"))


def _check_rank(by: Membership | None, *roles: str) -> None:
    if Role.OWNER in roles and (by is None or by.role != Role.OWNER):
        raise Forbidden("Only an owner can make, change or remove an owner.")


def _check_other_owner(membership: Membership) -> None:
    owners = Membership.objects.filter(workspace_id=membership.workspace_id, role=Role.OWNER, user__is_active=True)
    if not owners.exclude(pk=membership.pk).exists():
        raise TeamError("A workspace needs an owner. Make somebody else an owner first.", code="last_owner")


# Invitations


@transaction.atomic
def invite_member(*, workspace: Workspace, email: str, role: str, by: Membership | None) -> Invitation:
    """Invite somebody by mail.  Inviting the same address again renews the open invitation and its role.

    Raises InvalidInput when they are a member already, Forbidden when somebody but an owner invites an owner.
    """
    _check_rank(by, role)
    email = User.objects.normalize_email(email.strip())
    if Membership.objects.filter(workspace=workspace, user__in=User.objects.with_email(email)).exists():
        message = f"{email} is a member already."
        raise InvalidInput(message, fields={"email": [message]})
    invitation = Invitation.objects.filter(workspace=workspace, email__iexact=email, accepted_at=None).first()
    invitation = invitation or Invitation(workspace=workspace, email=email)
    invitation.role = role
    invitation.invited_by = by.user if by else None
    return _send_invitation(invitation)


@transaction.atomic
def resend_invitation(invitation: Invitation, *, by: Membership | None) -> Invitation:
    """Send the mail of an open invitation again and let it live from now.  Raises TeamError when it was accepted."""
    invitation = Invitation.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=invitation.pk)
    _check_rank(by, invitation.role)
    if invitation.accepted_at is not None:
        raise TeamError(f"{invitation.email} has accepted the invitation already.")
    return _send_invitation(invitation)


def _send_invitation(invitation: Invitation) -> Invitation:
    invitation.expires_at = clock.now() + INVITATION_LIFE
    _clean(invitation)
    invitation.save()
    workspace = invitation.workspace
    mail.send_system_mail(
        "invitation",
        to=invitation.email,
        subject=f"Join {workspace.name} on Drumbeat",
        context={"invitation": invitation, "workspace": workspace, "link": invitation_link(invitation)},
    )
    return invitation


def invitation_link(invitation: Invitation) -> str:
    """Return the URL by which the invitation is accepted."""
    return mail.absolute_url(reverse("team:accept_invitation", args=[invitation_token(invitation.pk)]))


@transaction.atomic
def withdraw_invitation(invitation: Invitation) -> None:
    """Take an open invitation back; its link stops working."""
    Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()


@transaction.atomic
def accept_invitation(invitation: Invitation, *, user: User) -> Membership:
    """Make the user a member, once.

    Raises Forbidden when the invitation is for another address, TeamError when it was used, withdrawn or is over.
    """
    if user.email.casefold() != invitation.email.casefold():
        raise Forbidden(f"This invitation is for {invitation.email}.")
    now = clock.now()
    claimed = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, expires_at__gt=now).update(accepted_at=now)
    if not claimed:
        raise TeamError("This invitation was used, withdrawn or has expired. Ask for a new one.")
    with acting_as(f"user:{user.pk}"):
        membership, _ = Membership.objects.get_or_create(
            workspace=invitation.workspace, user=user, defaults={"role": invitation.role}
        )
    return membership


@transaction.atomic
def register_invited(
    invitation: Invitation, *, first_name: str, last_name: str, password: str, time_zone: str = "UTC"
) -> Membership:
    """Make an account for the invited address and accept.  Raises InvalidInput for a weak password, TeamError as above."""
    if User.objects.with_email(invitation.email).exists():
        raise TeamError("There is an account with this address already. Sign in to accept the invitation.")
    user = User(
        email=User.objects.normalize_email(invitation.email),
        first_name=first_name,
        last_name=last_name,
        time_zone=time_zone,
    )
    _set_password(user, password)
    _clean(user)
    user.save()
    return accept_invitation(invitation, user=user)


# API tokens


@transaction.atomic
def create_token(
    *, workspace: Workspace, name: str, scopes: Sequence[str] = (), created_by: User | None
) -> tuple[ApiToken, str]:
    """Make an API token and return it with its secret, which is shown once and stored nowhere.

    No scopes: everything. Raises InvalidInput for an unknown scope.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        message = f"There is no scope {', '.join(unknown)}. There are: {', '.join(SCOPES)}."
        raise InvalidInput(message, fields={"scopes": [message]})
    secret = TOKEN_MARK + secrets.token_urlsafe(TOKEN_BYTES)
    token = ApiToken(
        workspace=workspace,
        name=name,
        prefix=secret[:PREFIX_LENGTH],
        digest=selectors.token_digest(secret),
        scopes=[scope for scope in SCOPES if scope in scopes],
        created_by=created_by,
    )
    _clean(token)
    token.save()
    return token, secret


@transaction.atomic
def revoke_token(token: ApiToken) -> None:
    """Make a token useless at once.  Revoking it twice is fine."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now())


def note_token_use(token: ApiToken) -> None:
    """Remember that the token was used just now; written at most once a minute, so that a busy client costs no writes."""
    now = clock.now()
    stale = now - TOKEN_USE_GRAIN
    if token.last_used_at is None or token.last_used_at < stale:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lt=stale)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)


# Grants on single objects


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


def _drop_grants(membership: Membership) -> None:
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


# The trail


@transaction.atomic
def erase_trail(*, table: str, row_ids: Sequence[int | str]) -> int:
    """Delete what the trail keeps about some rows, when a person asks to be forgotten; return the number of entries."""
    actors.set_local(actors.PURGE_SETTING, "on")
    deleted, _ = AuditEntry.objects.filter(table=table, row_id__in=[str(row_id) for row_id in row_ids]).delete()
    actors.set_local(actors.PURGE_SETTING, "")
    return deleted


# Shared


def _change[ModelT: Model](row: ModelT, changes: dict[str, Any], *, allowed: set[str]) -> ModelT:
    unknown = set(changes) - allowed
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))} can't be changed here.")
    for name, value in changes.items():
        setattr(row, name, value)
    _clean(row)
    row.save(update_fields=list(changes))
    return row


def _clean(row: Model) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        fields = error.message_dict
        first = next(iter(fields.values()))[0]
        raise InvalidInput(first, fields=fields) from error


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(error.messages[0], fields={"password": error.messages}) from error
    user.set_password(password)


def _free_slug(name: str) -> str:
    base = slugify(name)[:50].strip("-") or "workspace"
    taken = set(Workspace.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    candidates = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)


def audit_as_workspace(workspace_id: int) -> None:
    """Say whose workspace the rest of this transaction changes, for the trail of tables that have no such column."""
    actors.set_local(actors.WORKSPACE_SETTING, str(workspace_id))
