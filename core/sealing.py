"""Compact signed tokens for URLs in mail: a packed struct and a truncated HMAC.

A token reveals nothing but numbers, never expires, and survives a change of SECRET_KEY as long as the old key stays in
SECRET_KEY_FALLBACKS. `purpose` separates the kinds, so that a token for one can't be used for another.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from binascii import b2a_base64
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

MAC_BYTES = 12
_BLOCK = 64  # octets of a block of SHA-256
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class BadToken(ValueError):  # noqa: N818 - reads as what happened
    """The token was not made by this installation, or was changed on its way."""


type _State = Callable[[], HASH]


@cache
def _states(secret: str, purpose: bytes) -> tuple[_State, _State]:
    """Return what copies the states of HMAC-SHA256 (RFC 2104) after its inner and outer padding."""
    key = hmac.digest(secret.encode(), b"drumbeat.sealing:" + purpose, "sha256").ljust(_BLOCK, b"\0")
    return sha256(bytes(octet ^ 0x36 for octet in key)).copy, sha256(bytes(octet ^ 0x5C for octet in key)).copy


def _mac(secret: str, purpose: bytes, payload: bytes) -> bytes:
    inner, outer = (copy() for copy in _states(secret, purpose))
    inner.update(payload)
    outer.update(inner.digest())
    return outer.digest()[:MAC_BYTES]


def sealer(purpose: bytes) -> Callable[[bytes], str]:
    """Return `seal` for one purpose with the current SECRET_KEY: for many tokens at a time."""
    return _sealer(settings.SECRET_KEY, purpose)


@cache
def _sealer(secret: str, purpose: bytes) -> Callable[[bytes], str]:
    copy_inner, copy_outer = _states(secret, purpose)

    def seal_payload(payload: bytes) -> str:
        inner, outer = copy_inner(), copy_outer()
        inner.update(payload)
        outer.update(inner.digest())
        raw = payload + outer.digest()[:MAC_BYTES]
        return b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode("ascii")

    return seal_payload


def seal(purpose: bytes, payload: bytes) -> str:
    """Return a URL-safe token that carries `payload`, signed with the current SECRET_KEY."""
    return sealer(purpose)(payload)


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
        if hmac.compare_digest(_mac(secret, purpose, payload), mac):
            return payload
    raise BadToken("The token's signature is wrong.")
