"""HTML made ready for mail programs: CSS inlined by css-inline, with Liquid out of its sight."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from templates_lib.rendering import markup
from templates_lib.rendering.scanner import FILLER, Masked
from templates_lib.rendering.shielding import Shield

if TYPE_CHECKING:
    from css_inline import CSSInliner

_IGNORED = re.compile(r'\s*data-css-inline="ignore"')
_EMPTY_STYLE = re.compile(r"<style[^>]*>\s*</style>")
_MOVED_STYLE = "data-own-style"

MAX_DEPTH = 150

PRELUDE = frozenset({"assign", "capture", "endcapture", "comment", "#", "doc"})
_FORMATTING = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
_OPTIONAL_END = frozenset(
    {"p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "colgroup", "html", "head", "body"}
)


@cache
def _inliner() -> CSSInliner:
    """Return the inliner; it is loaded by those processes alone that compile mail."""
    from css_inline import CSSInliner

    return CSSInliner(
        keep_style_tags=True,
        remove_inlined_selectors=True,
        keep_at_rules=True,
        keep_link_tags=True,
        load_remote_stylesheets=False,
    )


def check_html(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, str]]:
    """Yield the offset and message of what an HTML parser would have to guess about, in a masked text."""
    depth = _Depth()
    for token in markup.tokens(text, start, end):
        if depth.after(token) > MAX_DEPTH:
            yield token.start, f"Elements are nested more than {MAX_DEPTH} deep."
            return
        if token.kind == "comment" and not token.closed:
            yield token.start, "This comment is never closed by -->."
        elif token.kind in {"start", "end"} and not token.closed:
            yield token.start, f"<{token.name}> is never closed by “>”."
        for attribute in token.attributes:
            if attribute.has_liquid_name:
                yield (
                    attribute.start,
                    f"Liquid can't stand between the attributes of <{token.name}>; put it inside a value.",
                )


class _Depth:
    """How deep an HTML parser may nest, never less than it does: parsers of this depth use the machine's stack."""

    def __init__(self) -> None:
        self._open: list[str] = []

    def after(self, token: markup.Token) -> int:
        """Return the depth after a token."""
        name = token.name
        if token.kind == "start" and name not in markup.VOID:
            if name == "tr" and self._open[-1:] in (["td"], ["th"]):
                self._open.pop()
            if name in _OPTIONAL_END and self._open[-1:] == [name]:
                self._open.pop()
            self._open.append(name)
        elif token.kind == "end" and name in self._open:
            at = len(self._open) - 1 - self._open[::-1].index(name)
            # Formatting elements that were not closed are opened again by what follows.
            self._open[at:] = [other for other in self._open[at + 1 :] if other in _FORMATTING]
        return len(self._open)


def balance_warnings(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, str]]:
    """Yield the offset and message of tags that are never closed, or close nothing."""
    stack: list[markup.Token] = []
    for token in markup.tokens(text, start, end):
        name = token.name
        if token.kind == "start" and name not in markup.VOID and not token.self_closing:
            stack.append(token)
        elif token.kind == "end" and name not in markup.VOID:
            if not any(opened.name == name for opened in stack):
                yield token.start, f"</{name}> closes nothing that is open."
                continue
            while (opened := stack.pop()).name != name:
                if opened.name not in _OPTIONAL_END:
                    yield opened.start, f"<{opened.name}> is not closed before </{name}>."
    for opened in stack:
        if opened.name not in _OPTIONAL_END:
            yield opened.start, f"<{opened.name}> is never closed."


def prelude_end(masked: Masked) -> int:
    """Return where a document begins, after the assignments, captures and comments that come before everything."""
    position, captures = 0, 0
    for span in masked.spans:
        if not captures and (masked.source[position : span.start].strip() or span.name not in PRELUDE):
            break
        captures += (span.name == "capture") - (span.name == "endcapture")
        if not captures:
            position = span.end
    return position


class LiquidMovedError(ValueError):
    """The HTML around some Liquid is so unbalanced that a parser would move it; `liquid` is its text."""

    def __init__(self, liquid: str) -> None:
        super().__init__("The HTML around this tag isn't balanced, so mail programs would move it.")
        self.liquid = liquid


def inline_css(html: str) -> str:
    """Return a whole HTML document with its CSS inlined and its Liquid verbatim.

    Rules that can't be inlined (media queries, dark mode, :hover) stay in <style>; a <style> with Liquid in it is left
    alone.  Raises LiquidMovedError.
    """
    shield = Shield(html)
    hidden = _Hider(Masked(html), shield).hide()
    inlined = _inliner().inline(hidden)
    inlined = _merge_moved_styles(inlined, shield)
    before, after = shield.order(hidden), shield.order(inlined)
    if before != after:
        wrong = next((text for text, other in zip(before, after, strict=False) if text != other), before[-1])
        raise LiquidMovedError(wrong)
    inlined = _EMPTY_STYLE.sub("", _IGNORED.sub("", inlined))
    if not inlined.lstrip()[:20].lower().startswith(("<!doctype", "<!--")):
        inlined = "<!DOCTYPE html>" + inlined
    return shield.reveal(shield.keep_braces(inlined))


class _Hider:
    """Writes the HTML that css-inline gets to see: Liquid as comments, or as words where no comment can be."""

    def __init__(self, masked: Masked, shield: Shield) -> None:
        self._masked = masked
        self._shield = shield
        self._out: list[str] = []

    def hide(self) -> str:
        text = self._masked.text
        position = 0
        previous: markup.Token | None = None
        for token in markup.tokens(text):
            if previous is not None and _needs_tbody(previous, token, text):
                self._out.append("<tbody>")
            raw = previous if previous is not None and previous.kind == "start" else None
            self._text(position, token.start, as_comments=raw is None or raw.name not in markup.RAW_TEXT)
            self._token(token)
            position, previous = token.end, token
        self._text(position, len(text), as_comments=True)
        return "".join(self._out)

    def _text(self, start: int, end: int, *, as_comments: bool) -> None:
        for piece, span in self._masked.segments(start, end):
            if span is None:
                self._out.append(piece)
            else:
                self._out.append(self._shield.hide_as_comment(piece) if as_comments else self._shield.hide(piece))

    def _token(self, token: markup.Token) -> None:
        source = self._masked.source
        if token.kind == "declaration" and source.startswith("<![", token.start):
            # A revealed conditional comment (<![if !mso]>): a parser would turn it into a hidden one.
            self._out.append(self._shield.hide_as_comment(source[token.start : token.end]))
            return
        if token.kind != "start" or FILLER not in self._masked.text[token.start : self._reach(token)]:
            self._out.append(self._shield.hide_liquid(self._masked, token.start, token.end))
            return
        position = token.start
        if token.name == "style" and FILLER in self._masked.text[token.end : self._reach(token)]:
            position += len("<style")
            self._out.append('<style data-css-inline="ignore"')
        style = token.attribute("style")
        if style is not None and FILLER in self._masked.text[style.value_start : style.value_end]:
            # css-inline would parse it: it is set aside whole and added again after what is inlined.
            self._out.append(self._shield.hide_liquid(self._masked, position, style.start))
            value = self._shield.hide(source[style.value_start : style.value_end].replace('"', "&quot;"))
            self._out.append(f'{_MOVED_STYLE}="{value}"')
            position = style.end
        self._out.append(self._shield.hide_liquid(self._masked, position, token.end))

    def _reach(self, token: markup.Token) -> int:
        """The end of a start tag, or of a <style>'s content."""
        if token.name != "style":
            return token.end
        closing = self._masked.text.find("</style", token.end)
        return closing if closing >= 0 else token.end


def _needs_tbody(previous: markup.Token, token: markup.Token, text: str) -> bool:
    """Tell whether Liquid stands between <table> and <tr>: a parser would open the <tbody> after it, inside a loop."""
    return (
        previous.kind == "start"
        and previous.name == "table"
        and token.kind == "start"
        and token.name == "tr"
        and FILLER in text[previous.end : token.start]
    )


def _merge_moved_styles(html: str, shield: Shield) -> str:
    if _MOVED_STYLE not in html:
        return html
    pieces: list[str] = []
    position = 0
    for token in markup.tokens(html):
        moved = token.attribute(_MOVED_STYLE) if token.kind == "start" else None
        if moved is None:
            continue
        own = html[moved.value_start : moved.value_end]
        inlined = token.attribute("style")
        if inlined is None:
            pieces += html[position : moved.start], f'style="{own}"'
            position = moved.end
            continue
        css = html[inlined.value_start : inlined.value_end].rstrip("; ")
        first, second = sorted((moved, inlined), key=lambda attribute: attribute.start)
        merged = f'style="{css};{own}"'
        pieces += html[position : first.start], merged, html[first.end : second.start].rstrip()
        position = second.end
    pieces.append(html[position:])
    return "".join(pieces)


def insert_in_body(html: str, *, at_start: str, at_end: str) -> str:
    """Return a document with something put right after <body> and right before </body>."""
    masked = Masked(html)
    start, end = 0, len(html)
    for token in markup.tokens(masked.text):
        if token.name == "body" and token.kind == "start" and not start:
            start = token.end
        elif token.name == "body" and token.kind == "end":
            end = token.start
    return html[:start] + at_start + html[start:end] + at_end + html[end:]
