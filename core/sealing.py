"""Compact signed tokens for URLs: a packed struct and a MAC, keyed BLAKE2s (RFC 7693) of 96 bits.

Mail, which holds a dozen a message, has its own layout (`delivery.tokens`) and takes the MAC alone from here, as a *stamp* of 64
bits: one can only be guessed by asking the server, which 2**63 requests would take.

A token reveals nothing but numbers, never expires, and survives a change of SECRET_KEY as long as the old key stays in
SECRET_KEY_FALLBACKS. `purpose` separates the kinds, so that a token for one can't be used for another.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from binascii import b2a_base64
from collections.abc import Callable
from functools import cache
from hashlib import blake2s

from django.conf import settings

MAC_BYTES = 12
STAMP_BYTES = 8
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class BadToken(ValueError):  # noqa: N818 - reads as what happened
    """The token was not made by this installation, or was changed on its way."""


@cache
def _keyed(secret: str, purpose: bytes, digest_size: int = MAC_BYTES) -> Callable[[], blake2s]:
    """Return what copies the hash's state after the key: half the cost of an HMAC of so little."""
    key = hmac.digest(secret.encode(), b"drumbeat.sealing:" + purpose, "sha256")
    return blake2s(key=key, digest_size=digest_size).copy


def stamper(purpose: bytes) -> Callable[[], blake2s]:
    """Return what begins a stamp with the current SECRET_KEY: a MAC of STAMP_BYTES over whatever the hash is updated with."""
    return _keyed(settings.SECRET_KEY, purpose, STAMP_BYTES)


def is_stamped(purpose: bytes, payload: bytes, stamp: str) -> bool:
    """Tell whether `stamp` is the stamp of a payload, in hexadecimal, by the current key or one of the fallbacks."""
    given = stamp.encode("ascii", "replace")
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        keyed = _keyed(secret, purpose, STAMP_BYTES)()
        keyed.update(payload)
        if hmac.compare_digest(keyed.hexdigest().encode(), given):
            return True
    return False


def seal(purpose: bytes, payload: bytes) -> str:
    """Return a URL-safe token that carries `payload`, signed with the current SECRET_KEY."""
    mac = _keyed(settings.SECRET_KEY, purpose)()
    mac.update(payload)
    return b2a_base64(payload + mac.digest(), newline=False).translate(_URL_SAFE, b"=").decode("ascii")


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
        keyed = _keyed(secret, purpose)()
        keyed.update(payload)
        if hmac.compare_digest(keyed.digest(), mac):
            return payload
    raise BadToken("The token's signature is wrong.")
