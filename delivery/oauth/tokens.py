"""The access token of a mailbox's login: read, and renewed before it expires by one worker at a time."""

import time
from datetime import datetime, timedelta

from django.db.models import Q

from core import clock
from core.encryption import decrypt, encrypt
from delivery.models import Mailbox, OAuthLogin, OAuthToken
from delivery.oauth.endpoint import TokenRefusedError, TokenUnavailableError, renew

# A token is renewed so long before it expires; in its last moments it isn't used any more.
RENEW_BEFORE = timedelta(minutes=5)
_UNUSABLE_BEFORE = timedelta(seconds=20)
# Longer than the endpoint may take: whoever renews and dies keeps the others away no longer.
_CLAIMED_FOR = timedelta(seconds=40)
# After a failure nobody asks the endpoint again for so long.
_PAUSE = timedelta(seconds=15)
# For how long a worker without a token waits for the one that renews it, in seconds.
_PATIENCE = 20.0
# A token that is refused although it is older than this may only be stale.
_FRESH = timedelta(minutes=1)


def login_of(mailbox: Mailbox) -> OAuthLogin | None:
    """Return how the mailbox gets its tokens; None: it logs in by password, or not at all."""
    if not mailbox.pk:
        return None
    return OAuthLogin.objects.select_related("token").filter(mailbox=mailbox.pk).first()


def access_token(login: OAuthLogin) -> str:
    """Return a token that can be used now; renews it first if it expires soon.  No transaction may be open.

    Raises TokenRefusedError, TokenUnavailableError, and core.encryption.DecryptionError.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        token = OAuthToken.objects.get(login=login)
        now = clock.now()
        usable = bool(token.access_encrypted) and not _expires_by(token, now + _UNUSABLE_BEFORE)
        if usable and not (token.refresh_encrypted and _expires_by(token, now + RENEW_BEFORE)):
            return _open(login, token.access_encrypted)
        if not token.refresh_encrypted:
            raise TokenRefusedError(
                "The access token has expired. Enter a new one, or a refresh token to renew it with."
            )
        if until := _claim(token, now):
            try:
                return _renewed(login, token, until)
            except TokenUnavailableError:
                if not usable:
                    raise
        if usable:
            return _open(login, token.access_encrypted)
        if time.monotonic() > deadline:
            raise TokenUnavailableError("A new access token is not there yet.")
        time.sleep(0.1)


def give_up_token(mailbox_id: int, *, now: datetime) -> bool:
    """Have a token renewed that the server refused although it seemed good; False: it was new, or can't be renewed."""
    stale = OAuthToken.objects.filter(login__mailbox=mailbox_id, obtained_at__lt=now - _FRESH)
    return bool(stale.exclude(refresh_encrypted="").update(expires_at=now, renewing_until=None))


def seal_secret(workspace_id: int, secret: str) -> str:
    """Encrypt a token or a client's secret for a mailbox of the workspace."""
    return encrypt(secret, context=secret_context(workspace_id)) if secret else ""


def secret_context(workspace_id: int) -> str:
    """Return what the encrypted secrets are bound to."""
    return f"delivery.oauth:{workspace_id}"


def _open(login: OAuthLogin, sealed: str) -> str:
    return decrypt(sealed, context=secret_context(login.workspace_id)) if sealed else ""


def _expires_by(token: OAuthToken, moment: datetime) -> bool:
    return token.expires_at is not None and token.expires_at <= moment


def _claim(token: OAuthToken, now: datetime) -> datetime | None:
    """Be the one who renews this token: return until when, or None if another is, or it has changed."""
    until = now + _CLAIMED_FOR
    free = OAuthToken.objects.filter(Q(renewing_until=None) | Q(renewing_until__lte=now), pk=token.pk)
    same = free.filter(access_encrypted=token.access_encrypted, refresh_encrypted=token.refresh_encrypted)
    return until if same.update(renewing_until=until) else None


def _renewed(login: OAuthLogin, token: OAuthToken, until: datetime) -> str:
    """Ask the endpoint and keep what it gives, unless the login was changed meanwhile."""
    mine = OAuthToken.objects.filter(pk=token.pk, renewing_until=until)
    try:
        grant = renew(
            token_url=login.token_url,
            client_id=login.client_id,
            client_secret=_open(login, login.client_secret_encrypted),
            refresh_token=_open(login, token.refresh_encrypted),
            scope=login.scope,
        )
    except (TokenRefusedError, TokenUnavailableError):
        mine.update(renewing_until=clock.now() + _PAUSE)
        raise
    now = clock.now()
    mine.update(
        access_encrypted=seal_secret(login.workspace_id, grant.access_token),
        refresh_encrypted=(
            seal_secret(login.workspace_id, grant.refresh_token) if grant.refresh_token else token.refresh_encrypted
        ),
        obtained_at=now,
        expires_at=now + timedelta(seconds=grant.lifetime),
        renewing_until=None,
    )
    return grant.access_token
