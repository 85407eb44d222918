"""Finds the Liquid in a source, without parsing what it says.

Everything that must leave Liquid alone (MJML, CSS, links, text) works on a masked source: as long as the original, with
each Liquid span replaced by a filler, so that a `<` or a quote in it is invisible and offsets stay the author's.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["output", "tag", "block"]

# A private-use character: no letter, no space, no quote, so that HTML and MJML see one opaque word.
FILLER = "\ue000"

_OPENING = re.compile(r"\{\{|\{%")
_TAG_NAME = re.compile(r"\{%-?\s*(#|\w+)")
_RAW_START = re.compile(r"\{%-?\s*(raw|doc)\s*-?%\}")
_VERBATIM_ENDS = {name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("raw", "doc")}


class UnclosedTagError(ValueError):
    """A Liquid delimiter without its end."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message, self.offset = message, offset


@dataclass(frozen=True, slots=True)
class Span:
    """`source[start:end]` is Liquid: an output, a tag, or a whole raw, doc or comment block."""

    start: int
    end: int
    kind: Kind
    name: str = ""


def liquid_spans(source: str) -> list[Span]:
    """Return the Liquid in a source, in order, as python-liquid's lexer sees it.

    Raises UnclosedTagError at a delimiter, raw, doc or comment that never ends.  Linear in the source's length.
    """
    return list(_spans(source))


def _spans(source: str) -> Iterator[Span]:
    position = 0
    comment_start, depth = 0, 0
    while opening := _OPENING.search(source, position):
        start = opening.start()
        span = _span_at(source, start, lenient=depth > 0)
        if span is None:
            position = start + 2
            continue
        position = span.end
        if span.name == "comment":
            comment_start = comment_start if depth else start
            depth += 1
        elif span.name == "endcomment" and depth:
            depth -= 1
            if not depth:
                yield Span(comment_start, span.end, "block", "comment")
        elif not depth:
            yield span
    if depth:
        raise UnclosedTagError("{% comment %} is never closed by {% endcomment %}.", comment_start)


def _span_at(source: str, start: int, *, lenient: bool) -> Span | None:
    if raw := _RAW_START.match(source, start):
        name = raw.group(1)
        if ending := _VERBATIM_ENDS[name].search(source, raw.end()):
            return Span(start, ending.end(), "block", name)
        if not lenient:
            raise UnclosedTagError(f"{{% {name} %}} is never closed by {{% end{name} %}}.", start)
    is_output = source.startswith("{{", start)
    closing = "}}" if is_output else "%}"
    end = source.find(closing, start + 2)
    name_match = None if is_output else _TAG_NAME.match(source, start)
    if end >= 0 and (is_output or name_match):
        return Span(start, end + 2, "output" if is_output else "tag", name_match.group(1) if name_match else "")
    if lenient:
        return None
    if end >= 0:
        raise UnclosedTagError("This tag has no name.", start)
    raise UnclosedTagError(f"“{source[start : start + 2]}” is never closed by “{closing}”.", start)


class Masked:
    """A source beside its masked twin of equal length."""

    def __init__(self, source: str, spans: list[Span] | None = None) -> None:
        self.source = source
        self.spans = liquid_spans(source) if spans is None else spans
        self._starts = [span.start for span in self.spans]
        pieces: list[str] = []
        position = 0
        for span in self.spans:
            pieces += source[position : span.start], FILLER * (span.end - span.start)
            position = span.end
        pieces.append(source[position:])
        self.text = "".join(pieces)

    def within(self, start: int, end: int) -> list[Span]:
        """Return the spans that begin in `[start, end)`."""
        first = bisect_right(self._starts, start - 1)
        last = bisect_right(self._starts, end - 1)
        return self.spans[first:last]

    def segments(self, start: int, end: int) -> Iterator[tuple[str, Span | None]]:
        """Yield the pieces of `[start, end)`: plain text with None, Liquid with its span."""
        position = start
        for span in self.within(start, end):
            if position < span.start:
                yield self.source[position : span.start], None
            yield self.source[span.start : span.end], span
            position = span.end
        if position < end:
            yield self.source[position:end], None
