"""What a DKIM signature costs on a 12 kB message: ours with each kind of key and with both, and dkimpy with the same keys.

Our signer is timed as the composer uses it: one object for all messages, every message different. dkimpy is timed by its
public function, with the same fields and canonicalisation. Medians of several runs, taken in turns.
"""

import statistics
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from delivery.dkim import Algorithm, Signer, SigningKey, generate, load_private, record_name, record_text

RUNS = 5
OURS, THEIRS = 400, 20
DOMAIN = "acme.example"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PAIRS = {algorithm: generate(algorithm) for algorithm in Algorithm}


def main() -> dict[str, object]:
    """Return µs a signature; `value` is that of RSA-2048, the dearest."""
    messages = [message(number) for number in range(OURS)]
    check(messages[0])
    keys = {algorithm: SigningKey(f"s-{algorithm}", load_private(pair.private)) for algorithm, pair in PAIRS.items()}
    signers = {algorithm.value: Signer(DOMAIN, [key]) for algorithm, key in keys.items()}
    signers["both"] = Signer(DOMAIN, list(keys.values()))
    jobs = {name: partial(per_message, partial(ours, signer), messages) for name, signer in signers.items()}
    for algorithm in Algorithm:
        jobs[f"dkimpy_{algorithm}"] = partial(per_message, partial(theirs, algorithm), messages[:THEIRS])
    for job in jobs.values():
        job()  # warm-up
    runs = [{name: job() for name, job in jobs.items()} for _ in range(RUNS)]
    cost = {name: round(statistics.median(run[name] for run in runs), 1) for name in jobs}
    for name, microseconds in cost.items():
        print(f"{name:16} {microseconds:9,.1f} µs a message")
    return {
        "benchmark": "dkim",
        "value": cost["rsa"],
        "unit": "µs/signature",
        "ed25519": cost["ed25519"],
        "both": cost["both"],
        "ratios": {
            f"dkimpy_{algorithm}": round(cost[f"dkimpy_{algorithm}"] / cost[algorithm.value], 1)
            for algorithm in Algorithm
        },
        "n": RUNS * OURS,
    }


def message(number: int) -> tuple[bytes, bytes]:
    """Return header and body of a multipart message of 12 kB, indented as HTML from MJML is."""
    head = (
        f"From: Ada at Acme <ada@{DOMAIN}>\r\nTo: Person {number} <person{number}@example.com>\r\n"
        f"Subject: Hello Person {number}, your October offers\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
        f"Message-ID: <{number:032x}@{DOMAIN}>\r\nList-Unsubscribe: <https://{DOMAIN}/u/{number:043x}>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        f"List-Id: Acme <acme.{DOMAIN}>\r\nFeedback-ID: 1:2:campaign:acme\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="=_0123456789abcdef"\r\n'
    )
    line = f'      <td style="padding: 12px 24px"><a href="https://{DOMAIN}/l/{number:043x}">Offer</a></td>\r\n'
    body = (
        f"--=_0123456789abcdef\r\n\r\nHello Person {number}\r\n"
        + line * (12_000 // len(line))
        + "--=_0123456789abcdef--\r\n"
    )
    return head.encode(), body.encode()


def ours(signer: Signer, head: bytes, body: bytes) -> bytes:
    """Return our signature."""
    return signer.sign(head, body, AT)


def theirs(algorithm: Algorithm, head: bytes, body: bytes) -> bytes:
    """Return dkimpy's signature with the same key and canonicalisation."""
    key = load_private(PAIRS[algorithm].private)
    if isinstance(key, Ed25519PrivateKey):
        raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        private, name = b64encode(raw), b"ed25519-sha256"
    else:
        private, name = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()), b"rsa-sha256"
    signed: bytes = dkim.sign(
        head + b"\r\n" + body,
        f"s-{algorithm}".encode(),
        DOMAIN.encode(),
        private,
        canonicalize=(b"relaxed", b"relaxed"),
        signature_algorithm=name,
    )
    return signed


def per_message(sign: Callable[[bytes, bytes], bytes], messages: list[tuple[bytes, bytes]]) -> float:
    """Return µs of processor time a message: what else the machine does stays out of it."""
    begun = time.process_time()
    for head, body in messages:
        sign(head, body)
    return (time.process_time() - begun) / len(messages) * 1e6


def check(sample: tuple[bytes, bytes]) -> None:
    """See that what is timed is right: dkimpy verifies both signatures."""
    signer = Signer(DOMAIN, [SigningKey(f"s-{name}", load_private(pair.private)) for name, pair in PAIRS.items()])
    head, body = sample
    signed = signer.sign(head, body, AT) + head + b"\r\n" + body
    records = {f"{record_name(f's-{name}', DOMAIN)}.": record_text(name, pair.public) for name, pair in PAIRS.items()}
    for index in range(2):
        if not dkim.DKIM(signed).verify(idx=index, dnsfunc=lambda name, timeout=5: records[name.decode()].encode()):
            raise SystemExit("A signature does not verify.")
