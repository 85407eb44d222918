"""Compact signed tokens for URLs in mail: a packed struct and a truncated HMAC.

A token reveals nothing but numbers, never expires, and survives a change of SECRET_KEY as long as the old key stays in
SECRET_KEY_FALLBACKS. `purpose` separates the kinds, so that a token for one can't be used for another.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from functools import cache

from django.conf import settings

MAC_BYTES = 12


class BadToken(ValueError):  # noqa: N818 - reads as what happened
    """The token was not made by this installation, or was changed on its way."""


@cache
def _key(secret: str, purpose: bytes) -> bytes:
    return hmac.digest(secret.encode(), b"drumbeat.sealing:" + purpose, "sha256")


def seal(purpose: bytes, payload: bytes) -> str:
    """Return a URL-safe token that carries `payload`, signed with the current SECRET_KEY."""
    mac = hmac.digest(_key(settings.SECRET_KEY, purpose), payload, "sha256")[:MAC_BYTES]
    return urlsafe_b64encode(payload + mac).rstrip(b"=").decode()


def unseal(purpose: bytes, token: str) -> bytes:
    """Return the payload of a token made by `seal` with the same purpose.

    Raises BadToken when it was made elsewhere, for another purpose, or was changed.
    """
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (BadBase64, ValueError) as error:
        raise BadToken("The token is not base64.") from error
    payload, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
        raise BadToken("The token is not canonical.")
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if hmac.compare_digest(hmac.digest(_key(secret, purpose), payload, "sha256")[:MAC_BYTES], mac):
            return payload
    raise BadToken("The token's signature is wrong.")
