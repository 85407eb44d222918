"""Signatures by the rules of Standard Webhooks (standardwebhooks.com): `v1,` and an HMAC-SHA256 of id, time and body."""

import binascii
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256

PREFIX = "whsec_"
# How far the sender's clock may be from ours.
TOLERANCE = timedelta(minutes=5)


class BadSignatureError(ValueError):
    """The request was not signed with the secret, or at another time; the text says which."""


def new_secret() -> str:
    """Return a secret: `whsec_` and 32 random bytes in base64."""
    return as_secret(secrets.token_bytes(32))


def as_secret(key: bytes) -> str:
    """Return a key as people copy it: `whsec_` and its base64."""
    return PREFIX + b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for."""
    return b64decode(secret.removeprefix(PREFIX))


def signed_headers(*, keys: Iterable[bytes], message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of a request, signed with each of the keys."""
    timestamp = str(int(now.timestamp()))
    signatures = [f"v1,{b64encode(_digest(key, message_id, timestamp, body)).decode()}" for key in keys]
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Return the id of a request that is signed with the secret.  Raises BadSignatureError."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or len(message_id) > 150 or not message_id.isascii() or not message_id.isprintable():
        raise BadSignatureError("The header webhook-id is missing or can't be used.")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        raise BadSignatureError("The header webhook-timestamp is not a number of seconds.")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise BadSignatureError("The webhook-timestamp is more than five minutes from now.")
    expected = _digest(key_of(secret), message_id, timestamp, body)
    for signature in headers.get("webhook-signature", "").split():
        version, _, given = signature.partition(",")
        try:
            if version == "v1" and hmac.compare_digest(b64decode(given, validate=True), expected):
                return message_id
        except (binascii.Error, ValueError):
            continue
    raise BadSignatureError("No webhook-signature fits.")


def _digest(key: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, sha256)
