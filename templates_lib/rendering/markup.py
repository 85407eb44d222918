"""A small, lenient and linear tokenizer of HTML and MJML over a masked source.

It reports where tags and attribute values are; it builds no tree and changes nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from templates_lib.rendering.scanner import FILLER

TokenKind = Literal["start", "end", "comment", "declaration"]

RAW_TEXT = frozenset({"style", "script", "title", "textarea", "xmp", "noembed", "noframes"})
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)

_TAG_OPEN = re.compile(rf"<(/?)([A-Za-z][^\s/>{FILLER}<]*)")
_ATTRIBUTE = re.compile(r"([^\s=>/\"'<]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; `value_start:value_end` are the offsets between its quotes, equal when it has no value."""

    name: str
    start: int
    end: int
    value_start: int
    value_end: int
    quote: str

    @property
    def has_liquid_name(self) -> bool:
        """Whether Liquid stands where a name belongs."""
        return FILLER in self.name


@dataclass(slots=True)
class Token:
    """A tag, comment or declaration at `start:end`; text is what lies between tokens."""

    kind: TokenKind
    start: int
    end: int
    name: str = ""
    attributes: list[Attribute] = field(default_factory=list)
    self_closing: bool = False
    closed: bool = True
    raw_text: bool = False

    def attribute(self, name: str) -> Attribute | None:
        """Return the first attribute of that lower-case name."""
        return next((attribute for attribute in self.attributes if attribute.name.lower() == name), None)


def tokens(text: str, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """Yield the tokens of a masked text, in order; `closed` is False on one that runs into the end."""
    end = len(text) if end is None else end
    position = start
    while (position := text.find("<", position, end)) >= 0:
        token = _token_at(text, position, end)
        if token is None:
            position += 1
            continue
        yield token
        position = token.end
        if token.kind == "start" and token.name in RAW_TEXT and not token.self_closing:
            closing = re.compile(rf"</{token.name}(?=[\s>/])", re.IGNORECASE).search(text, position, end)
            position = closing.start() if closing else end


def _token_at(text: str, position: int, end: int) -> Token | None:
    if text.startswith("<!--", position):
        closing = text.find("-->", position + 4, end)
        # "<!-->" is a whole, empty comment.
        if text.startswith("<!-->", position):
            closing = position + 2
        return Token("comment", position, closing + 3 if closing >= 0 else end, closed=closing >= 0)
    if text.startswith(("<!", "<?"), position):
        closing = text.find(">", position, end)
        return Token("declaration", position, closing + 1 if closing >= 0 else end, closed=closing >= 0)
    opening = _TAG_OPEN.match(text, position, end)
    if opening is None:
        return None
    token = Token("end" if opening.group(1) else "start", position, end, opening.group(2).lower(), closed=False)
    _read_attributes(token, text, opening.end(), end)
    return token


def _read_attributes(token: Token, text: str, position: int, end: int) -> None:
    while position < end:
        character = text[position]
        if character == ">":
            token.end, token.closed = position + 1, True
            token.self_closing = text[position - 1] == "/"
            return
        if character == "<":
            # The author forgot the ">": the tag ends where the next begins.
            token.end = position
            return
        match = None if character.isspace() or character == "/" else _ATTRIBUTE.match(text, position, end)
        if match is None:
            position += 1
            continue
        group = next((index for index in (2, 3, 4) if match.group(index) is not None), 0)
        value = match.span(group) if group else (match.end(), match.end())
        quote = {2: '"', 3: "'"}.get(group, "")
        token.attributes.append(Attribute(match.group(1), match.start(), match.end(), *value, quote))
        position = match.end()
