"""Signatures by the rules of Standard Webhooks (standardwebhooks.com): `v1,` and an HMAC-SHA256 of id, time and body.

A workspace's secret follows from SECRET_KEY.  When that is changed, requests are signed with those of SECRET_KEY_FALLBACKS, too,
so that no receiver is cut off.
"""

import hmac
from base64 import b64encode
from datetime import datetime
from hashlib import sha256

from django.conf import settings

PREFIX = "whsec_"


def secret_of(workspace_id: int) -> str:
    """Return the secret that the workspace's receivers check signatures with: `whsec_` and 32 bytes in base64."""
    return PREFIX + b64encode(_key(settings.SECRET_KEY, workspace_id)).decode()


def headers_of(*, workspace_id: int, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of a request."""
    timestamp = str(int(now.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    keys = [_key(secret, workspace_id) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    signatures = [f"v1,{b64encode(hmac.digest(key, signed, sha256)).decode()}" for key in keys]
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _key(secret: str, workspace_id: int) -> bytes:
    return hmac.digest(secret.encode(), f"drumbeat.webhooks:{workspace_id}".encode(), sha256)
