"""Secrets at rest: AES-256-GCM with key ids, so that keys can be rotated.

ENCRYPTION_KEYS is a list of 32-byte keys in URL-safe base64; the first key encrypts, all decrypt. A ciphertext is
`<key id>.<nonce + sealed>` in base64; the key id is the first 8 hex digits of the key's SHA-256.
"""

import os
from base64 import b64decode, b64encode, urlsafe_b64decode
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

NONCE_BYTES = 12


class DecryptionError(ValueError):
    """No key of ENCRYPTION_KEYS opens the ciphertext."""


def _keys() -> dict[str, AESGCM]:
    ring: dict[str, AESGCM] = {}
    for text in settings.ENCRYPTION_KEYS:
        key = urlsafe_b64decode(text)
        ring[sha256(key).hexdigest()[:8]] = AESGCM(key)
    return ring


def encrypt(plaintext: str, *, context: str) -> str:
    """Encrypt with the first key; `context` is bound to the ciphertext and must be given again to decrypt."""
    keys = _keys()
    if not keys:
        raise ImproperlyConfigured("ENCRYPTION_KEYS is empty: there is no key to encrypt with.")
    key_id, cipher = next(iter(keys.items()))
    nonce = os.urandom(NONCE_BYTES)
    sealed = cipher.encrypt(nonce, plaintext.encode(), context.encode())
    return f"{key_id}.{b64encode(nonce + sealed).decode()}"


def decrypt(ciphertext: str, *, context: str) -> str:
    """Return what was encrypted.  Raises DecryptionError when no key opens it or it was changed."""
    key_id, _, encoded = ciphertext.partition(".")
    cipher = _keys().get(key_id)
    if cipher is None:
        raise DecryptionError("The key that encrypted this is not in ENCRYPTION_KEYS.")
    try:
        raw = b64decode(encoded, validate=True)
        return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
    except (InvalidTag, ValueError) as error:  # a ValueError when it isn't base64, or too short
        raise DecryptionError("The stored secret was changed.") from error


def current_key_id() -> str:
    """Return the id of the key that encrypts: what a ciphertext begins with, before its dot."""
    return next(iter(_keys()), "")


def reencrypt(ciphertext: str, *, context: str) -> str:
    """Return the same secret under the first key; as it is when it is under that key already.  Raises DecryptionError."""
    if ciphertext.startswith(f"{current_key_id()}."):
        return ciphertext
    return encrypt(decrypt(ciphertext, context=context), context=context)
