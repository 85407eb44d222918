"""Mailboxes that log in by an OAuth access token instead of a password (XOAUTH2)."""

from urllib.parse import urlsplit

from django.db import transaction

from core import clock
from core.exceptions import InvalidInput
from delivery.models import Mailbox, OAuthLogin, OAuthToken
from delivery.oauth import login_of, seal_secret
from delivery.services import mailboxes

_OWN_MACHINE = ("localhost", "127.0.0.1", "::1")
_MOST = 20_000


@transaction.atomic
def set_oauth_login(
    mailbox: Mailbox,
    *,
    token_url: str = "",
    client_id: str = "",
    scope: str = "",
    client_secret: str | None = None,
    refresh_token: str | None = None,
    access_token: str | None = None,
) -> OAuthLogin:
    """Let a mailbox log in by access token from the next batch on: one given by hand, or renewed at `token_url`.

    A secret that is None stays as it is stored, "" removes it; secrets that were given for one endpoint are not kept for another.
    Raises InvalidInput with the fields that can't be used.
    """
    stored = login_of(mailbox)
    login = stored or OAuthLogin(workspace_id=mailbox.workspace_id, mailbox=mailbox)
    token = stored.token if stored is not None else OAuthToken()
    secrets = {"client_secret": client_secret, "refresh_token": refresh_token, "access_token": access_token}
    secrets = {name: secret.strip() if secret is not None else None for name, secret in secrets.items()}
    errors = _refusals(stored, token, token_url, client_id, secrets)
    if errors:
        raise InvalidInput("This login can't be used as it is.", fields=errors)
    login.token_url, login.client_id, login.scope = token_url, client_id, scope
    _keep(login, token, **secrets)
    mailboxes.forget_failures(mailbox.pk)
    return login


def _refusals(
    stored: OAuthLogin | None, token: OAuthToken, token_url: str, client_id: str, secrets: dict[str, str | None]
) -> dict[str, list[str]]:
    """Return what is wrong, by field."""
    kept = {
        "access_token": token.access_encrypted,
        "refresh_token": token.refresh_encrypted,
        "client_secret": stored.client_secret_encrypted if stored is not None else "",
    }
    has = {name: bool(secret or (secret is None and kept[name])) for name, secret in secrets.items()}
    errors: dict[str, list[str]] = {}
    if token_url and not _is_safe(token_url):
        errors["token_url"] = ["Give an address that begins with https://."]
    if has["refresh_token"] and not token_url:
        errors["token_url"] = ["A refresh token needs the address at which it is exchanged."]
    if has["refresh_token"] and not client_id:
        errors["client_id"] = ["A refresh token needs the client that it was given to."]
    if not has["refresh_token"] and not has["access_token"]:
        errors["access_token"] = ["Enter an access token, or a refresh token to get one with."]
    if stored is not None and token_url != stored.token_url:
        for name in ("refresh_token", "client_secret"):
            if kept[name] and secrets[name] is None:
                errors[name] = ["Enter it again, as it would now be sent to another address."]
    for name, secret in secrets.items():
        if secret and (len(secret) > _MOST or not secret.isascii() or not secret.isprintable()):
            errors[name] = ["This is no token or secret: letters, digits and signs in one line."]
    return errors


def _keep(
    login: OAuthLogin,
    token: OAuthToken,
    *,
    client_secret: str | None,
    refresh_token: str | None,
    access_token: str | None,
) -> None:
    if client_secret is not None:
        login.client_secret_encrypted = seal_secret(login.workspace_id, client_secret)
    login.save()
    if refresh_token is not None:
        token.refresh_encrypted = seal_secret(login.workspace_id, refresh_token)
        # What the old one gave is not this one's.
        token.access_encrypted, token.expires_at = "", None
    if access_token is not None:
        token.access_encrypted = seal_secret(login.workspace_id, access_token)
        token.expires_at = None
        token.obtained_at = clock.now()
    token.login = login
    token.renewing_until = None
    token.save()


@transaction.atomic
def remove_oauth_login(mailbox: Mailbox) -> None:
    """Let a mailbox log in by its password again; the tokens are destroyed."""
    OAuthLogin.objects.filter(mailbox=mailbox).delete()
    mailboxes.forget_failures(mailbox.pk)


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _OWN_MACHINE)
