"""Merge fields as people read them: "Hello ‹First name›" for what was written ``Hello {{ firstName }}``."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_LIQUID = re.compile(r"\{\{-?(?P<output>.*?)-?\}\}|\{%-?\s*(?P<tag>\w+)(?P<rest>.*?)-?%\}", re.DOTALL)
_LITERAL = re.compile(r"""(["'])(.*?)\1""")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# A case has no way of its own before its first "when".
_OPENING = {"if": 0, "unless": 0, "for": 0, "case": -1}
_CHOICES = {"if", "elsif", "unless", "else", "case", "when", "for"}


class Piece(NamedTuple):
    """A piece of a text: as written, or a field by its name; `source` is its Liquid, empty for plain text."""

    text: str
    source: str = ""


@register.filter
def merge_fields(value: str | None) -> SafeString:
    """Returns the text with its merge fields as chips that show their Liquid in a tooltip."""
    return format_html_join(
        "",
        "{}",
        (
            (format_html('<span class="merge-field" title="{}">{}</span>', piece.source, piece.text),)
            if piece.source
            else (conditional_escape(piece.text),)
            for piece in pieces(value or "")
        ),
    )


@register.filter
def plain_fields(value: str | None) -> str:
    """Returns the text with its merge fields as ``‹First name›``, where there can be no markup."""
    return "".join(f"‹{piece.text}›" if piece.source else piece.text for piece in pieces(value or ""))


@register.filter
def gist(value: str | None) -> str:
    """Returns the text as ``plain_fields`` does, with the first of each choice alone: what it says where all is known.

    Where the choices aren't closed, or their first ways are empty, it is all of the text.
    """
    value = value or ""
    found: list[str] = []
    choices: list[int] = []  # which way of each open choice it is
    position = 0

    def say(text: str) -> None:
        if not any(choices):
            found.append(plain_fields(text))

    for match in _LIQUID.finditer(value):
        say(value[position : match.start()])
        position = match.end()
        tag = match["tag"] or ""
        if tag in _OPENING:
            choices.append(_OPENING[tag])
        elif tag in _CHOICES and choices:
            choices[-1] += 1
        elif tag.startswith("end") and choices:
            choices.pop()
        else:
            say(match.group())
    say(value[position:])
    text = "".join(found).strip()
    return plain_fields(value) if choices or not text else text


def pieces(value: str) -> Iterator[Piece]:
    """Yields plain text and fields in their order. Broken Liquid is plain text: its author must see it."""
    position = 0
    for match in _LIQUID.finditer(value):
        if match.start() > position:
            yield Piece(value[position : match.start()])
        position = match.end()
        if piece := _piece(match):
            yield piece
    if position < len(value):
        yield Piece(value[position:])


def _piece(match: re.Match[str]) -> Piece | None:
    source = match.group()
    if match["tag"]:
        words = f"{match['tag']} {match['rest'].strip()}".strip()
        return Piece(words[:40], source) if match["tag"] in _CHOICES else None
    name = match["output"].partition("|")[0].strip()
    if literal := _LITERAL.fullmatch(name):
        return Piece(literal[2])
    return Piece(field_name(name), source) if name else None


def field_name(key: str) -> str:
    """Returns ``firstName`` as "First name", ``workspace.company`` as "Workspace company"."""
    words = re.split(r"[\s._\-\[\]\"']+", _HUMP.sub(" ", key).strip())
    text = " ".join("URL" if word.lower() == "url" else word.lower() for word in words if word)
    return text[:1].upper() + text[1:]
