"""Transfer encodings piece by piece: what is the same for all recipients is encoded once, each value by itself.

Octets are characters below U+0100, so that pieces join as text and become bytes in one copy. Lines end in CRLF and begin
with a doubled dot where SMTP asks for it (RFC 5321 4.5.2). Whatever a value holds that would need its neighbours to be
known raises, and the whole part is encoded at once instead (`bodies.encode_text`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from delivery.compose.bodies import quoted_printable

_LINE = 76  # RFC 2045 6.7
# A piece up to this long, with the soft break that fences it, needs no breaking.
_SHORT = 72
_SOFT_BREAK = "=\r\n"
# What tidying takes out of a text, wherever it stands in it.
_UNTIDY = (" \n", "\t\n", "\n\n\n")


class NotAloneError(ValueError):
    """A value that can't be encoded by itself."""


def plain_value(text: str) -> str:
    """Return the octets of a value that stands within a line."""
    if text.isascii() and text.isprintable():
        return text
    return _octets(text)


def plain_value_at_start(text: str) -> str:
    """Return the octets of a value that may stand at the beginning of a line."""
    if text.startswith("."):
        raise NotAloneError
    return text if text.isascii() and text.isprintable() else _octets(text)


def full_value(text: str) -> str:
    """Return the octets of a value that is not empty and neither holds nor touches white space that tidying would change."""
    return plain_value(_tidy(text))


def full_value_at_start(text: str) -> str:
    """Return the octets of the same at the beginning of a line."""
    if text.startswith("."):
        raise NotAloneError
    return full_value(text)


def _tidy(text: str) -> str:
    """Return a value, its lines ended alike; raises NotAloneError if tidying would change it or its neighbours."""
    text = _with_newlines(text)
    if not text or text[0].isspace() or text[-1].isspace() or any(untidy in text for untidy in _UNTIDY):
        raise NotAloneError
    return text


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _octets(text: str) -> str:
    text = _with_newlines(text)
    if "\0" in text or "\n." in text:
        raise NotAloneError
    return text.replace("\n", "\r\n").encode().decode("latin-1")


class Plain:
    """7bit and 8bit: octets as they are.  Which of the two it is, and whether a line is too long, shows in the result."""

    functions: Final[Mapping[str, Callable[[str], str]]] = {
        "octets": plain_value,
        "octets_at_start": plain_value_at_start,
        "full_octets": full_value,
        "full_octets_at_start": full_value_at_start,
    }
    usual: Final[Mapping[str, str]] = {
        "octets": "{0}.isascii() and {1}.isprintable()",
        "octets_at_start": "{0}.isascii() and {1}.isprintable() and {1}[:1] != '.'",
        "full_octets": "{0}.isascii() and {1}.isprintable() and {1}[:1] > ' ' < {1}[-1]",
        "full_octets_at_start": "{0}.isascii() and {1}.isprintable() and {1}[:1] > ' ' < {1}[-1] and {1}[0] != '.'",
    }
    marks_line_starts = True

    def static(self, text: str, *, starts_line: bool) -> str:
        """Return the octets of a text."""
        stuffed = text.replace("\n", "\r\n").replace("\r\n.", "\r\n..").encode().decode("latin-1")
        return "." + stuffed if starts_line and stuffed.startswith(".") else stuffed

    def function(self, *, starts_line: bool, full: bool) -> str:
        """Return the name of the function for a value."""
        return f"{'full_' if full else ''}octets{'_at_start' if starts_line else ''}"


def quoted(text: str) -> str:
    """Return a piece as quoted-printable that begins a line and ends with one's end, by a soft break if need be.

    So no line gets longer than 76 columns, whatever stands next to it.
    """
    if not text:
        return ""
    if len(text) > _SHORT or not text.isascii() or not text.isprintable() or "=" in text or text[-1] == " ":
        text = _quoted(text)
        if text.endswith("\r\n"):
            return text
    return f".{text}{_SOFT_BREAK}" if text[0] == "." else text + _SOFT_BREAK


def full_quoted(text: str) -> str:
    """Return the same for a value that tidying leaves alone."""
    return quoted(_tidy(text))


def _quoted(text: str) -> str:
    text = _with_newlines(text)
    octets = quoted_printable(text.encode()).decode("ascii").replace("\r\n.", "\r\n..")
    if octets.endswith("\r\n"):
        return "." + octets if octets[0] == "." else octets
    start = octets.rfind("\r\n") + 2 if "\r\n" in octets else 0
    if len(octets) - start >= _LINE - 1:
        # No room for the fence: break before it, not within the three characters of an octet.
        at = start + _SHORT - next((back for back in (1, 2) if octets[start + _SHORT - back] == "="), 0)
        octets = octets[:at] + _SOFT_BREAK + ("." if octets[at] == "." else "") + octets[at:]
    return octets


class QuotedPrintable:
    """Quoted-printable, for texts beyond ASCII on the way to a server without 8BITMIME."""

    functions: Final[Mapping[str, Callable[[str], str]]] = {"quoted": quoted, "full_quoted": full_quoted}
    usual: Final[Mapping[str, str]] = {}
    marks_line_starts = False

    def static(self, text: str, *, starts_line: bool) -> str:
        """Return a text, fenced."""
        return quoted(text)

    def function(self, *, starts_line: bool, full: bool) -> str:
        """Return the name of the function for a value."""
        return "full_quoted" if full else "quoted"


PLAIN = Plain()
QUOTED_PRINTABLE = QuotedPrintable()
