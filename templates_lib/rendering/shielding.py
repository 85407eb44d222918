"""Puts Liquid (and whatever else must survive untouched) out of sight of MJML and CSS tools, and back."""

import re
from html import unescape

from templates_lib.rendering.scanner import Masked


class Shield:
    """Tokens that stand for texts: letters and digits only, so that they survive in text, attributes, CSS and comments."""

    def __init__(self, source: str) -> None:
        lowered = source.lower()
        self._prefix = "zq"
        while self._prefix in lowered:
            self._prefix += "q"
        self._texts: list[str] = []
        self._loose_brace = re.compile(rf"\{{(?=[{{%]|<!--{self._prefix}|{self._prefix}\d)")
        self._pattern = re.compile(rf"<!--{self._prefix}(\d+)c-->|{self._prefix}(\d+)z")

    def hide(self, text: str) -> str:
        """Return a token that stands for a text."""
        self._texts.append(text)
        return f"{self._prefix}{len(self._texts) - 1}z"

    def hide_as_comment(self, text: str) -> str:
        """Return an HTML comment that stands for a text: it stays where it is even between the rows of a table."""
        self._texts.append(text)
        return f"<!--{self._prefix}{len(self._texts) - 1}c-->"

    def hide_liquid(self, masked: Masked, start: int, end: int) -> str:
        """Return a stretch of a source with each Liquid span replaced by its token."""
        return "".join(text if span is None else self.hide(text) for text, span in masked.segments(start, end))

    def keep_braces(self, text: str) -> str:
        """Return a text without Liquid in which braces that came together by parsing stay what they are: braces."""
        return self._loose_brace.sub("{% raw %}{{% endraw %}", text)

    def reveal(self, text: str) -> str:
        """Return a text with every token, bare or as a comment, replaced by what it stands for."""
        return self._pattern.sub(lambda match: self._texts[int(match.group(1) or match.group(2))], text)

    def order(self, text: str) -> list[str]:
        """Return the hidden texts in the order in which their tokens appear."""
        return [self._texts[int(first or second)] for first, second in self._pattern.findall(text)]

    def has_token(self, text: str) -> bool:
        """Tell whether a text holds a token."""
        return self._pattern.search(text) is not None

    @property
    def token_pattern(self) -> str:
        """A regular expression, without groups, for one bare token."""
        return rf"{self._prefix}\d+z"


def unescape_outside_liquid(value: str) -> str:
    """Return an attribute's value with its HTML entities decoded, except inside Liquid."""
    if "&" not in value:
        return value
    masked = Masked(value)
    return "".join(unescape(text) if span is None else text for text, span in masked.segments(0, len(value)))


def quotes_outside_liquid(value: str) -> str:
    """Return an attribute's value fit for double quotes, its Liquid untouched."""
    if '"' not in value:
        return value
    masked = Masked(value)
    return "".join(
        text.replace('"', "&quot;") if span is None else text for text, span in masked.segments(0, len(value))
    )
