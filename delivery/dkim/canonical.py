"""The relaxed canonicalisation of RFC 6376, sections 3.4.2 and 3.4.4, over whole blocks at once."""

import re

_CRLF = b"\r\n"
_RUN = re.compile(rb"  +")


def relaxed_fields(block: bytes) -> list[tuple[bytes, bytes]]:
    """Return the fields of a header block as (lower-case name, canonical line without its CRLF), in their order.

    `block` is complete lines that end in CRLF; an empty line at its end does no harm.
    """
    # Unfolding takes out the CRLF before white space, so that the space itself stays as what separates words.
    unfolded = _single_spaces(block.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" "))
    fields = []
    for line in unfolded.split(_CRLF):
        if line:
            name, _, value = line.partition(b":")
            name = name.rstrip(b" ").lower()
            fields.append((name, b"%b:%b" % (name, value.strip(b" "))))
    return fields


def relaxed_body(body: bytes) -> bytes:
    """Return a body without white space at the ends of lines, without empty lines at its end, and with single spaces.

    `body` has CRLF lines and is not dot-stuffed; a last line that is not ended counts as ended.
    """
    if body and not body.endswith(_CRLF):
        body += _CRLF
    body = _single_spaces(body).replace(b" \r\n", _CRLF)
    end = len(body)
    while body.endswith(b"\r\n\r\n", 0, end):
        end -= 2
    return b"" if body[:end] == _CRLF else body[:end]


def _single_spaces(text: bytes) -> bytes:
    """Make each run of spaces and tabs one space.  The pattern begins with a literal, so that the engine skips to it."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    return _RUN.sub(b" ", text)
