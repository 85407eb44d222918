"""Reads of users, members, tokens and the trail."""

from hashlib import sha256

from django.db.models import QuerySet

from team.models import ApiToken, Membership, User


def memberships_of(user: User) -> QuerySet[Membership]:
    """Return the user's memberships with their workspaces, by the workspace's name."""
    return Membership.objects.filter(user=user).select_related("workspace").order_by("workspace__name", "pk")


def token_digest(secret: str) -> bytes:
    """Return what is stored of a token: its SHA-256, 32 bytes.  Tokens are random, so no salt or stretching is needed."""
    return sha256(secret.encode()).digest()


def active_token(secret: str) -> ApiToken | None:
    """Return the token that was given out as `secret`, with its workspace and maker, unless it was revoked."""
    tokens = ApiToken.objects.select_related("workspace", "created_by")
    return tokens.filter(digest=token_digest(secret), revoked_at=None).first()
