"""Incoming webhooks by the rules of Standard Webhooks (standardwebhooks.com): signatures, and paths into JSON."""

import binascii
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

PREFIX = "whsec_"
# How far the sender's clock may be from ours.
TOLERANCE = timedelta(minutes=5)


class BadSignatureError(ValueError):
    """The request was not signed with the source's secret, or at another time; the text says which."""


def new_secret() -> str:
    """Return a secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Return the id of a request that is signed with the secret.  Raises BadSignatureError."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or len(message_id) > 150 or not message_id.isascii() or not message_id.isprintable():
        raise BadSignatureError("The header webhook-id is missing or can't be used.")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        raise BadSignatureError("The header webhook-timestamp is not a number of seconds.")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise BadSignatureError("The webhook-timestamp is more than five minutes from now.")
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = hmac.digest(b64decode(secret.removeprefix(PREFIX)), signed, sha256)
    for signature in headers.get("webhook-signature", "").split():
        version, _, given = signature.partition(",")
        try:
            if version == "v1" and hmac.compare_digest(b64decode(given, validate=True), expected):
                return message_id
        except (binascii.Error, ValueError):
            continue
    raise BadSignatureError("No webhook-signature fits.")


def found_at(document: Any, path: str) -> Any:
    """Return what stands at a path in JSON; None where nothing does."""
    for part in path.split("."):
        if isinstance(document, Mapping):
            document = document.get(part)
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document
