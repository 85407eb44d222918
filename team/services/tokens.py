"""API tokens."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from core import clock
from core.exceptions import InvalidInput
from team import selectors
from team.models import ApiToken, User, Workspace
from team.scopes import SCOPES
from team.services.rows import save

TOKEN_USE_GRAIN = timedelta(minutes=1)
TOKEN_MARK = "db_"  # noqa: S105 - what every token starts with, so that leaked ones can be found
TOKEN_BYTES = 32
PREFIX_LENGTH = 10


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
    save(token)
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
