"""A provider's token endpoint: a refresh token is exchanged for an access token (RFC 6749 section 6)."""

from typing import NamedTuple
from urllib.parse import urlsplit

import requests

# To connect and to answer, in seconds; a batch is leased meanwhile.
_TIMEOUT = (5, 10)
# What RFC 6749 recommends to be told, and most endpoints give: an hour, in seconds.
_USUAL_LIFETIME = 3600
_MOST_TEXT = 300


class TokenError(Exception):
    """There is no access token to log in with; the text is for people and holds no secret."""


class TokenRefusedError(TokenError):
    """Only a person can mend it: the endpoint refuses to renew, or there is nothing to renew with."""


class TokenUnavailableError(TokenError):
    """The endpoint can't be used now; later it may."""


class Grant(NamedTuple):
    """What the endpoint gave; `refresh_token` "" means that the old one stays, `lifetime` is in seconds."""

    access_token: str
    refresh_token: str
    lifetime: float


def renew(*, token_url: str, client_id: str, client_secret: str, refresh_token: str, scope: str) -> Grant:
    """Exchange the refresh token.  Raises TokenRefusedError, TokenUnavailableError."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client_id}
    form |= {name: value for name, value in (("client_secret", client_secret), ("scope", scope)) if value}
    host = urlsplit(token_url).hostname or token_url
    try:
        response = requests.post(
            token_url, data=form, headers={"Accept": "application/json"}, timeout=_TIMEOUT, allow_redirects=False
        )
    except requests.RequestException as error:
        raise TokenUnavailableError(f"The token endpoint {host} can't be reached ({type(error).__name__}).") from error
    try:
        said = response.json()
    except ValueError:
        said = None
    answer = said if isinstance(said, dict) else {}
    code = str(answer.get("error") or "")
    if response.status_code in (400, 401, 403) and code != "temporarily_unavailable":
        detail = str(answer.get("error_description") or code or f"status {response.status_code}")[:_MOST_TEXT]
        raise TokenRefusedError(f"{host} refuses to renew the access token: {detail}")
    if response.status_code != 200:
        raise TokenUnavailableError(f"The token endpoint {host} can't be used now (status {response.status_code}).")
    token = answer.get("access_token")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise TokenRefusedError(f"{host} answers without an access token; check the address of the token endpoint.")
    renewed = answer.get("refresh_token")
    return Grant(token, renewed if isinstance(renewed, str) else "", _lifetime(answer.get("expires_in")))


def _lifetime(given: object) -> float:
    """Return the seconds an answer names, within a minute and a year; an hour if it names none."""
    try:
        seconds = float(str(given))
    except ValueError:
        return _USUAL_LIFETIME
    return min(max(seconds, 60.0), 365 * 86_400) if seconds == seconds else _USUAL_LIFETIME
