"""DKIM signatures, verified by dkimpy, an implementation that shares no code with ours."""

import re
from datetime import UTC, datetime

import dkim
import pytest
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from delivery.dkim import Algorithm, Signer, SigningKey, generate, load_private, record_name, record_text
from delivery.dkim.canonical import relaxed_body, relaxed_fields

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
DOMAIN = "acme.example"
PAIRS = {"s1": generate(Algorithm.RSA), "s1e": generate(Algorithm.ED25519)}
RECORDS = {
    f"{record_name(selector, DOMAIN)}.".encode(): record_text(pair.algorithm, pair.public).encode()
    for selector, pair in PAIRS.items()
}
SIGNER = Signer(DOMAIN, [SigningKey(selector, load_private(pair.private)) for selector, pair in PAIRS.items()])

HEADER = (
    b"From: Ada <ada@acme.example>\r\nTo: bob@example.com\r\nSubject: Hello\r\n"
    b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@acme.example>\r\n"
    b"List-Unsubscribe: <https://acme.example/u/x>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"List-Id: <acme.acme.example>\r\nFeedback-ID: 1:2:campaign:acme\r\nReply-To: post@acme.example\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
)


def verdicts(message: bytes) -> list[bool]:
    """Verify each signature of a message."""

    def published(name: bytes, timeout: float = 5) -> bytes | None:
        return RECORDS.get(name)

    def verify(index: int) -> bool:
        try:
            return dkim.DKIM(message).verify(idx=index, dnsfunc=published)
        except dkim.ValidationError:  # a body that was changed
            return False

    return [verify(index) for index in range(len(re.findall(rb"(?im)^DKIM-Signature:", message)))]


def signed(header: bytes, body: bytes) -> bytes:
    return SIGNER.sign(header, body, at=AT) + header + b"\r\n" + body


def test_both_signatures_verify() -> None:
    assert verdicts(signed(HEADER, "Grüße\r\n".encode())) == [True, True]


def test_a_changed_body_or_header_fails() -> None:
    message = signed(HEADER, b"Hello\r\n")
    for found, put in ((b"\r\n\r\nHello", b"\r\n\r\nHullo"), (b"Subject: Hello", b"Subject: Hullo")):
        assert verdicts(message.replace(found, put)) == [False, False]


@pytest.mark.parametrize(
    "added",
    [
        *(b"From: Eve <eve@evil.example>", b"Subject: Free money", b"Reply-To: eve@evil.example", b"To: eve@evil.example"),
        *(b"Cc: eve@evil.example", b"List-Unsubscribe: <https://evil.example/>", b"Content-Type: text/html"),
    ],
)  # fmt: skip
def test_a_field_added_on_the_way_breaks_the_signature(added: bytes) -> None:
    message = signed(HEADER, b"Hello\r\n")
    assert verdicts(added + b"\r\n" + message) == [False, False]
    assert verdicts(b"Received: from relay\r\nX-Spam: no\r\n" + message) == [True, True]


def test_what_rfc_8058_asks_for_is_signed() -> None:
    field = SIGNER.sign(HEADER, b"", at=AT)
    names = re.sub(rb"\s", b"", re.findall(rb"h=([^;]*)", field)[0]).split(b":")
    assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(names)
    assert names.count(b"from") == 2


def test_a_signature_is_made_of_short_lines() -> None:
    fields = SIGNER.sign(HEADER, b"", at=AT)
    assert fields.endswith(b"\r\n")
    assert b"\r\n\r\n" not in fields
    assert max(map(len, fields.split(b"\r\n"))) <= 78


# White space in odd places, 8-bit, and dots at the beginnings of lines.
TEXT = st.text(
    st.one_of(
        st.sampled_from(" \t ."), st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="\x7f")
    ),
    max_size=120,
)
LINES = st.lists(st.one_of(TEXT, st.sampled_from(["", " ", "\t", " \t "])), max_size=12)


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """Fields with folds and odd spaces, some twice, with the names in any case."""
    names = draw(
        st.lists(
            st.sampled_from(
                ["To", "SUBJECT", "Subject", "Date", "X-Odd", "List-Unsubscribe", "list-ID", "Feedback-ID", "Cc"]
            ),
            max_size=8,
        )
    )
    block = b"From: ada@acme.example\r\n"
    for name in names:
        words = draw(st.lists(TEXT.map(str.strip).filter(bool), min_size=1, max_size=5))
        gap = draw(st.sampled_from(["\r\n ", "\r\n\t", "\r\n  \t", "  ", " \t", " \r\n "]))
        colon = draw(st.sampled_from([":", ": ", ":\t", ":  "]))
        end = draw(st.sampled_from(["", " ", "\t "]))
        block += f"{name}{colon}{gap.join(words)}{end}\r\n".encode()
    return block


@given(headers(), LINES, st.integers(0, 4))
def test_whatever_the_spaces_folds_and_letters_it_verifies(header: bytes, lines: list[str], blank: int) -> None:
    body = "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" * blank
    assert verdicts(signed(header, body)) == [True, True]


@given(LINES, st.integers(0, 4))
def test_our_canonical_body_is_dkimpys(lines: list[str], blank: int) -> None:
    body = "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" * blank
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)


def test_the_examples_of_rfc_6376_section_3_4_5() -> None:
    header = b"A: X\r\nB : Y\t\r\n\tZ  \r\n"
    assert [line for _, line in relaxed_fields(header)] == [b"a:X", b"b:Y Z"]
    assert relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"
    assert relaxed_body(b"") == relaxed_body(b"\r\n\r\n") == b""
    assert relaxed_body(b"unended") == b"unended\r\n"


def test_the_keys_of_rfc_8463_sign_its_example_as_it_says() -> None:
    """Ed25519 is deterministic, so the private key of the RFC's appendix must lead to its public one."""
    from base64 import b64decode

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from delivery.dkim import public_of

    key = Ed25519PrivateKey.from_private_bytes(b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="))
    assert public_of(key) == "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
