"""Accounts: the first one, its profile, and a forgotten password."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from core.exceptions import InvalidInput
from team import mail, selectors
from team.actors import acting_as
from team.exceptions import TeamError
from team.models import Membership, User
from team.services.rows import change, save
from team.services.workspaces import create_workspace

SETUP_LOCK = 0x64726D73


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
    set_password(user, password)
    save(user)
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
    return change(user, changes, allowed={"first_name", "last_name", "time_zone"})


def set_password(user: User, password: str) -> None:
    """Give a user a password, unsaved.  Raises InvalidInput when it is too weak."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(error.messages[0], fields={"password": error.messages}) from error
    user.set_password(password)
