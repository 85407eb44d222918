"""Text parts: transfer encodings of RFC 2045 and the dots of RFC 5321."""

import re
from binascii import b2a_base64, b2a_qp
from typing import NamedTuple

# RFC 5322 2.1.1 and RFC 6152: a line has at most 998 octets, encoded or not.
_LONGEST_LINE = 998
_NEWLINES = re.compile(r"\r\n|\r|\n")
_TOO_WIDE = re.compile(rb"^(.{74,75})(=20|=09)$", re.MULTILINE)
_BASE64_OCTETS = 57  # a line of 76 characters
# With more than this share of octets beyond ASCII, base64 is shorter than quoted-printable.
_MOSTLY_FOREIGN = 1 / 6


class Body(NamedTuple):
    """A part's content in CRLF lines, with its Content-Transfer-Encoding."""

    encoding: str
    content: bytes


def encode_text(text: str, *, eight_bit: bool) -> Body:
    """Encode a text part as UTF-8: plainly if its lines allow it and the server takes it, else within 76 columns.

    Dots are not stuffed yet.
    """
    plain = (
        text.encode("utf-8", "replace") if "\r" not in text else _NEWLINES.sub("\n", text).encode("utf-8", "replace")
    )
    content = plain.replace(b"\n", b"\r\n")
    is_ascii = content.isascii()
    if (is_ascii or eight_bit) and b"\0" not in content and max(map(len, content.split(b"\r\n"))) <= _LONGEST_LINE:
        return Body("7bit" if is_ascii else "8bit", content)
    if not is_ascii and is_mostly_foreign(len(plain), len(text)):
        return Body("base64", _base64(content))
    return Body("quoted-printable", quoted_printable(plain))


def quoted_printable(plain: bytes) -> bytes:
    """Return lines ended by LF as quoted-printable in lines of at most 76 columns ended by CRLF (RFC 2045 6.7)."""
    # The encoder ends its soft breaks as the first line of its input is ended, so it gets bare LF.  White space at the end of
    # a line it encodes without looking how long that makes the line.
    return _TOO_WIDE.sub(rb"\1=\n\2", b2a_qp(plain, istext=True)).replace(b"\n", b"\r\n")


def is_mostly_foreign(octets: int, characters: int) -> bool:
    """Tell whether base64 is shorter than quoted-printable for a text of so many octets and characters."""
    return octets - characters > octets * _MOSTLY_FOREIGN


def _base64(content: bytes) -> bytes:
    lines = (b2a_base64(content[at : at + _BASE64_OCTETS]) for at in range(0, len(content), _BASE64_OCTETS))
    return b"".join(lines).replace(b"\n", b"\r\n")


def has_long_line(content: bytes) -> bool:
    """Tell whether a line of stuffed content is longer than 998 octets; looks at few of them."""
    position, end = 0, len(content) - _LONGEST_LINE
    while position < end:
        position = content.rfind(b"\n", position, position + _LONGEST_LINE + 2) + 1
        if not position:
            return True
    return False


def stuff_dots(content: bytes) -> bytes:
    """Double the dot at the beginning of each line (RFC 5321 4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def unstuff_dots(content: bytes) -> bytes:
    """Take off what `stuff_dots` put on."""
    bare = content.replace(b"\r\n..", b"\r\n.") if b"\r\n.." in content else content
    return bare[1:] if bare.startswith(b"..") else bare
