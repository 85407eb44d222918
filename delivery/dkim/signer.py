"""Signatures of RFC 6376 and RFC 8463, relaxed/relaxed, with one key or two.

What is the same for all messages of a mailing (the field's own frame) is made once; a message costs one pass over its
body and its header, and a private-key operation a key.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from delivery.dkim.canonical import relaxed_body, relaxed_fields
from delivery.dkim.keys import PrivateKey

# Signed once more than they occur, so that none can be added on the way: what a reader sees and where an answer goes.
ALWAYS_OVERSIGNED = (b"from", b"to", b"cc", b"subject", b"reply-to")
# The same if they occur at all; RFC 8058 wants both List-Unsubscribe fields signed.
OVERSIGNED = (
    *(b"date", b"message-id", b"in-reply-to", b"references", b"mime-version", b"content-type"),
    *(b"content-transfer-encoding", b"list-unsubscribe", b"list-unsubscribe-post", b"list-id"),
)
# Relays may add one of their own.
SIGNED = (b"feedback-id", b"sender", b"auto-submitted", b"precedence")

_COLUMNS = 74
# A mailing has a handful of shapes; what else is given must not grow without end.
_REMEMBERED_SHAPES = 64
_PADDING = PKCS1v15()
_HASH = Prehashed(SHA256())


class SigningKey(NamedTuple):
    """A private key and the selector under which its public half is published."""

    selector: str
    key: PrivateKey


class _Frame(NamedTuple):
    """The field of one key around its three values (t=, bh=, b=), as it is sent and in its canonical form."""

    key: PrivateKey
    sent: tuple[bytes, bytes, bytes]
    hashed: tuple[bytes, bytes, bytes]


class _Shape(NamedTuple):
    """What all headers with the same fields in the same order share: the names for h=, and the frames."""

    names: tuple[bytes, ...]
    frames: list[_Frame]


class Signer:
    """Signs for one domain, once with each key.  Thread-safe; makes no calls to the outside."""

    def __init__(self, domain: str, keys: Sequence[SigningKey]) -> None:
        """`domain` is an ASCII name, the one of the From address (DMARC asks for that)."""
        self.domain = domain
        self.keys = tuple(keys)
        self._shapes: dict[tuple[bytes, ...], _Shape] = {}

    def sign(self, header_block: bytes, body: bytes, at: datetime) -> bytes:
        """Return the DKIM-Signature fields to be put before the message, each ended by CRLF.

        `header_block` is the header's lines with their CRLF, `body` what follows the empty line after it, both as they are
        when the receiver has undone the dot-stuffing.  `at` goes into t=.
        """
        fields = relaxed_fields(header_block)
        present = tuple([name for name, _ in fields])
        shape = self._shapes.get(present) or self._shape(present)
        header_hash = sha256(_signed_lines(fields, shape.names))
        body_hash = b64encode(sha256(relaxed_body(body)).digest())
        moment = b"%d" % int(at.timestamp())
        signatures = []
        for frame in shape.frames:
            one = header_hash.copy()
            start, middle, end = frame.hashed
            one.update(b"%b%b%b%b%b" % (start, moment, middle, body_hash, end))
            start, middle, end = frame.sent
            signature = _folded(b64encode(_signature(frame.key, one.digest())))
            signatures.append(b"%b%b%b%b%b%b\r\n" % (start, moment, middle, body_hash, end, signature))
        return b"".join(signatures)

    def _shape(self, present: tuple[bytes, ...]) -> "_Shape":
        names = signed_names(present)
        shape = _Shape(names, [_frame(self.domain, key, names) for key in self.keys])
        if len(self._shapes) < _REMEMBERED_SHAPES:
            self._shapes[present] = shape
        return shape


def signed_names(present: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the names for h=, given the lower-case names of a header's fields."""
    counts = Counter(present)
    names: list[bytes] = []
    for name in ALWAYS_OVERSIGNED:
        names += [name] * (counts[name] + 1)
    for name in OVERSIGNED:
        if counts[name]:
            names += [name] * (counts[name] + 1)
    for name in SIGNED:
        names += [name] * counts[name]
    return tuple(names)


def _signed_lines(fields: Sequence[tuple[bytes, bytes]], names: Sequence[bytes]) -> bytes:
    """Return the canonical lines in the order of h=; of fields with one name the last comes first (section 5.4.2)."""
    lines: dict[bytes, list[bytes]] = {}
    for name, line in fields:
        lines.setdefault(name, []).append(line)
    chosen = []
    for name in names:
        left = lines.get(name)
        if left:
            chosen.append(left.pop())
    chosen.append(b"")
    return b"\r\n".join(chosen)


def _signature(key: PrivateKey, digest: bytes) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(digest)  # RFC 8463: PureEdDSA over the SHA-256 of what is signed
    return key.sign(digest, _PADDING, _HASH)


def _frame(domain: str, signing: SigningKey, names: Sequence[bytes]) -> _Frame:
    algorithm = "ed25519-sha256" if isinstance(signing.key, Ed25519PrivateKey) else "rsa-sha256"
    head = f"v=1; a={algorithm}; c=relaxed/relaxed;\r\n\td={domain}; s={signing.selector};\r\n\tt="
    sent = (
        b"DKIM-Signature: " + head.encode("ascii"),
        b";\r\n\th=%b;\r\n\tbh=" % _folded_names(names),
        b";\r\n\tb=",
    )
    canonical = [part.replace(b"\r\n\t", b" ") for part in sent]
    canonical[0] = canonical[0].replace(b"DKIM-Signature: ", b"dkim-signature:", 1)
    return _Frame(signing.key, sent, (canonical[0], canonical[1], canonical[2]))


def _folded_names(names: Sequence[bytes]) -> bytes:
    lines = [b""]
    for name in names:
        if len(lines[-1]) + len(name) + 1 > _COLUMNS - 4:
            lines.append(b"")
        lines[-1] += name + b":"
    return b"\r\n\t".join(lines).removesuffix(b":")


def _folded(signature: bytes) -> bytes:
    if len(signature) <= _COLUMNS:
        return signature
    return b"\r\n\t".join(signature[at : at + _COLUMNS] for at in range(0, len(signature), _COLUMNS))
