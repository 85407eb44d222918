"""Invitations, and the accounts made by them."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.urls import reverse

from core import clock
from core.exceptions import Forbidden, InvalidInput
from team import mail
from team.actors import acting_as
from team.exceptions import TeamError
from team.invitations import invitation_token
from team.models import Invitation, Membership, User, Workspace
from team.services.accounts import set_password
from team.services.members import check_rank
from team.services.rows import clean, save

INVITATION_LIFE = timedelta(days=7)
HAS_ACCOUNT = "There is an account with this address already. Sign in to accept the invitation."


@transaction.atomic
def invite_member(*, workspace: Workspace, email: str, role: str, by: Membership | None) -> Invitation:
    """Invite somebody by mail.  Inviting the same address again renews the open invitation and its role.

    Raises InvalidInput when they are a member already, Forbidden when somebody but an owner invites an owner.
    """
    check_rank(by, role)
    email = User.objects.normalize_email(email.strip())
    # Whoever invites the same address at the same moment waits, and then renews this invitation.
    list(Workspace.objects.select_for_update(no_key=True).filter(pk=workspace.pk).values_list("pk"))
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
    check_rank(by, invitation.role)
    if invitation.accepted_at is not None:
        raise TeamError(f"{invitation.email} has accepted the invitation already.")
    return _send_invitation(invitation)


def _send_invitation(invitation: Invitation) -> Invitation:
    invitation.expires_at = clock.now() + INVITATION_LIFE
    save(invitation)
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
        raise TeamError(HAS_ACCOUNT)
    user = User(
        email=User.objects.normalize_email(invitation.email),
        first_name=first_name,
        last_name=last_name,
        time_zone=time_zone,
    )
    set_password(user, password)
    clean(user)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:  # the form was sent twice
        raise TeamError(HAS_ACCOUNT) from error
    return accept_invitation(invitation, user=user)
