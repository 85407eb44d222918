"""Compact signed tokens for URLs in mail: a packed struct and a truncated HMAC.

A token reveals nothing but numbers, never expires, and survives a change of SECRET_KEY as long as the old key stays in
SECRET_KEY_FALLBACKS. `purpose` separates the kinds, so that a token for one can't be used for another.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from binascii import b2a_base64
from functools import cache
from hashlib import sha256

from django.conf import settings

MAC_BYTES = 12
_BLOCK = 64  # octets of a block of SHA-256
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class BadToken(ValueError):  # noqa: N818 - reads as what happened
    """The token was not made by this installation, or was changed on its way."""


class _Mac:
    """HMAC-SHA256 (RFC 2104) of one key: the hash states after both paddings are made once and copied."""

    def __init__(self, secret: str, purpose: bytes) -> None:
        key = hmac.digest(secret.encode(), b"drumbeat.sealing:" + purpose, "sha256").ljust(_BLOCK, b"\0")
        self._inner = sha256(bytes(octet ^ 0x36 for octet in key))
        self._outer = sha256(bytes(octet ^ 0x5C for octet in key))

    def __call__(self, payload: bytes) -> bytes:
        """Return the first MAC_BYTES of the HMAC."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(payload)
        outer.update(inner.digest())
        return outer.digest()[:MAC_BYTES]


@cache
def _mac(secret: str, purpose: bytes) -> _Mac:
    return _Mac(secret, purpose)


def seal(purpose: bytes, payload: bytes) -> str:
    """Return a URL-safe token that carries `payload`, signed with the current SECRET_KEY."""
    raw = payload + _mac(settings.SECRET_KEY, purpose)(payload)
    return b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


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
        if hmac.compare_digest(_mac(secret, purpose)(payload), mac):
            return payload
    raise BadToken("The token's signature is wrong.")
