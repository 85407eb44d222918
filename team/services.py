"""Every write of the team: users, workspaces, members, invitations, tokens and grants."""

from datetime import timedelta

from django.db.models import Q

from core import clock
from team.actors import acting_as as acting_as
from team.models import ApiToken

TOKEN_USE_GRAIN = timedelta(minutes=1)


def note_token_use(token: ApiToken) -> None:
    """Remember that the token was used just now; written at most once a minute, so that a busy client costs no writes."""
    now = clock.now()
    stale = now - TOKEN_USE_GRAIN
    if token.last_used_at is None or token.last_used_at < stale:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lt=stale)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)
