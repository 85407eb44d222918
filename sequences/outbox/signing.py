"""The secrets that a workspace's sequences sign with, by the rules of Standard Webhooks.

A workspace's secret follows from SECRET_KEY.  When that is changed, requests are signed with those of SECRET_KEY_FALLBACKS, too,
so that no receiver is cut off.
"""

import hmac
from datetime import datetime
from hashlib import sha256

from django.conf import settings

from core import standard_webhooks


def secret_of(workspace_id: int) -> str:
    """Return the secret that the workspace's receivers check signatures with: `whsec_` and 32 bytes in base64."""
    return standard_webhooks.as_secret(_key(settings.SECRET_KEY, workspace_id))


def headers_of(*, workspace_id: int, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of a request."""
    keys = [_key(secret, workspace_id) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return standard_webhooks.signed_headers(keys=keys, message_id=message_id, body=body, now=now)


def _key(secret: str, workspace_id: int) -> bytes:
    return hmac.digest(secret.encode(), f"drumbeat.webhooks:{workspace_id}".encode(), sha256)
