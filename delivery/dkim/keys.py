"""Key pairs: RSA of 2048 bits (RFC 6376, 8301) and Ed25519 (RFC 8463)."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

# A record of a longer key fills most of a UDP answer, and shorter ones are refused by large receivers (RFC 8301).
RSA_BITS = 2048


class Algorithm(StrEnum):
    """A key's type, as the k= tag of its record names it."""

    RSA = "rsa"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A new key: `private` is PKCS #8 in base64, `public` what the p= tag of its record holds."""

    algorithm: Algorithm
    private: str
    public: str


type PrivateKey = RSAPrivateKey | Ed25519PrivateKey


def generate(algorithm: Algorithm) -> KeyPair:
    """Make a key pair."""
    key: PrivateKey
    if algorithm is Algorithm.RSA:
        key = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    else:
        key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(algorithm, b64encode(private).decode(), public_of(key))


def load_private(private: str) -> PrivateKey:
    """Return the key that `generate` wrote down.  Raises ValueError if it is something else."""
    key = load_der_private_key(b64decode(private), password=None)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("DKIM signs with RSA or Ed25519 keys only.")  # noqa: TRY004 - a value that was stored
    return key


def public_of(key: PrivateKey) -> str:
    """Return the public half as the p= tag holds it: RSA as SubjectPublicKeyInfo, Ed25519 as its bare 32 bytes."""
    if isinstance(key, RSAPrivateKey):
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return b64encode(public).decode()
