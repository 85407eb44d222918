"""MJML to HTML by mrml, with our own validation and with Liquid out of its sight.

mrml neither says where a fault is nor minds text or unknown tags in wrong places, and a bare `<` in Liquid breaks it.  So
the source is walked here: structure is checked with lines and columns, HTML inside components (MJML's "ending tags") and
attribute values with Liquid are hidden whole, and Liquid between components becomes comments or mj-raw.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from templates_lib.rendering import markup
from templates_lib.rendering.html import PRELUDE, check_html
from templates_lib.rendering.mjml_components import (
    ANYWHERE_IN_ATTRIBUTES,
    COMPONENTS,
    UNSUPPORTED,
    allowed_attributes,
    parents_of,
)
from templates_lib.rendering.problems import Positions, Problem, TemplateError
from templates_lib.rendering.scanner import FILLER, Masked, Span
from templates_lib.rendering.shielding import Shield, quotes_outside_liquid

MAX_DEPTH = 30

_HEAD = frozenset({"", "mjml", "mj-head", "mj-attributes"})
_AS_RAW = frozenset({"mj-wrapper"})
_STYLE = re.compile(r"<style([^>]*)>(.*?)</style>", re.DOTALL)


def _to_html(mjml: str) -> str:
    import mrml  # only processes that compile MJML load it

    # mrml would load fonts from Google for every mail in its default font: readers' addresses are none of Google's business.
    return mrml.to_html(mjml, render_options=mrml.RenderOptions(fonts={})).content


def mjml_to_html(masked: Masked, *, drop_preview: bool = False) -> tuple[str, str]:
    """Return the assignments before the mail and the HTML of an MJML source, their Liquid verbatim.

    mj-preview is left out if `drop_preview`.  Only the author's own styles are left for inlining: MJML's are marked with `data-css-inline="ignore"`.
    Raises TemplateError with every structural fault found.
    """
    walker = _Walker(masked, drop_preview=drop_preview)
    walker.walk()
    if walker.problems:
        raise TemplateError(walker.problems)
    try:
        html = _to_html("".join(walker.out))
    except OSError as error:
        raise TemplateError([walker.problem_at(0, f"MJML can't be read: {error}.")]) from error
    lost = walker.lost(html)
    if lost:
        raise TemplateError(lost)
    html = html.replace("</head>", "".join(walker.head) + "</head>", 1)
    html = _STYLE.sub(lambda match: _keep_own_style(match, walker.shield), html)
    return "".join(walker.prelude), walker.shield.reveal(html)


def attribute_warnings(masked: Masked) -> Iterator[tuple[int, str]]:
    """Yield the offset and message of attributes that MJML would silently ignore."""
    for token in markup.tokens(masked.text):
        if token.kind != "start" or token.name not in COMPONENTS:
            continue
        known = allowed_attributes(token.name)
        for attribute in token.attributes:
            if attribute.name not in known:
                hint = _suggestion(attribute.name, known)
                yield attribute.start, f"<{token.name}> has no attribute “{attribute.name}”{hint}; it is ignored."


def _keep_own_style(match: re.Match[str], shield: Shield) -> str:
    attributes, css = match.groups()
    if shield.has_token(css):
        return match.group()
    return f'<style data-css-inline="ignore"{attributes}>{css}</style>'


class _Walker:
    """One pass over the masked source, writing what mrml gets to see."""

    def __init__(self, masked: Masked, *, drop_preview: bool) -> None:
        self.masked = masked
        self.shield = Shield(masked.source)
        self.out: list[str] = []
        self.prelude: list[str] = []
        # What mj-raw brings into the head: mrml would put it into the body.
        self.head: list[str] = []
        self.problems: list[Problem] = []
        self._positions = Positions(masked.source)
        self._drop_preview = drop_preview
        self._stack: list[markup.Token] = []
        self._roots = 0
        # What can get lost in mrml: token, offset, what it is.
        self._hidden: list[tuple[str, int, str]] = []

    def problem_at(self, offset: int, message: str) -> Problem:
        line, column = self._positions.at(offset)
        return Problem("source", line, column, message)

    def complain(self, offset: int, message: str) -> None:
        self.problems.append(self.problem_at(offset, message))

    def lost(self, html: str) -> list[Problem]:
        """Return a problem for each hidden text that mrml left out."""
        return [
            self.problem_at(offset, f"Liquid can't be used in {what}: MJML needs to know its value beforehand.")
            for token, offset, what in self._hidden
            if token not in html
        ]

    @property
    def _parent(self) -> str:
        return self._stack[-1].name if self._stack else ""

    def walk(self) -> None:
        text = self.masked.text
        position, end = 0, len(text)
        while position < end:
            token = next(markup.tokens(text, position), None)
            stop = token.start if token else end
            position = self._between(position, stop)
            if token is not None and position == stop:
                position = self._take(token)
        for token in self._stack:
            self.complain(token.start, f"<{token.name}> is never closed by </{token.name}>.")
        if not self._roots and not self.problems:
            self.complain(0, "MJML begins with <mjml>.")

    def _take(self, token: markup.Token) -> int:
        if token.kind == "comment":
            return self._comment(token)
        if token.kind == "declaration":
            return token.end
        if not token.closed:
            self.complain(token.start, f"<{'/' if token.kind == 'end' else ''}{token.name} is never closed by “>”.")
        if token.kind == "end":
            self._close(token)
            return token.end
        return self._open(token)

    def _comment(self, token: markup.Token) -> int:
        if not token.closed:
            self.complain(token.start, "This comment is never closed by -->.")
        if self.masked.within(token.start, token.end) and self._parent not in _HEAD:
            self.out.append(self.shield.hide_liquid(self.masked, token.start, token.end))
        return token.end

    def _close(self, token: markup.Token) -> None:
        if self._stack and self._stack[-1].name == token.name:
            self._stack.pop()
            self.out.append(f"</{token.name}>")
            return
        if any(opened.name == token.name for opened in self._stack):
            while self._stack[-1].name != token.name:
                opened = self._stack.pop()
                line, _ = self._positions.at(token.start)
                self.complain(opened.start, f"<{opened.name}> is not closed before </{token.name}> on line {line}.")
            self._stack.pop()
        else:
            self.complain(token.start, f"</{token.name}> closes nothing that is open.")

    def _open(self, token: markup.Token) -> int:
        self._check_place(token)
        component = COMPONENTS.get(token.name)
        in_attributes = self._parent == "mj-attributes"
        in_head = token.name == "mj-raw" and self._parent == "mj-head"
        dropped = in_head or (token.name == "mj-preview" and self._drop_preview)
        if not dropped:
            self.out.append(f"<{token.name}{self._attributes(token)}")
        if token.self_closing:
            if not dropped:
                self.out.append("/>")
            return token.end
        if component is not None and component.holds_html and not in_attributes:
            return self._html(token, dropped=dropped)
        self.out.append(">")
        if len(self._stack) >= MAX_DEPTH:
            self.complain(token.start, f"Components are nested more than {MAX_DEPTH} deep.")
            return len(self.masked.text)
        self._stack.append(token)
        return token.end

    def _check_place(self, token: markup.Token) -> None:
        parent, name = self._parent, token.name
        if name in UNSUPPORTED:
            self.complain(token.start, f"<{name}> isn't supported. {UNSUPPORTED[name]}")
        elif parent == "mj-attributes":
            if name not in COMPONENTS and name not in ANYWHERE_IN_ATTRIBUTES:
                self.complain(token.start, f"<mj-attributes> knows no <{name}>{_suggestion(name, COMPONENTS)}.")
        elif not parent:
            self._roots += 1
            if name != "mjml" or self._roots > 1:
                self.complain(token.start, "MJML has one outermost element, <mjml>.")
        elif name not in COMPONENTS:
            if name.startswith("mj"):
                self.complain(token.start, f"There is no <{name}>{_suggestion(name, COMPONENTS)}.")
            else:
                self.complain(token.start, f"HTML such as <{name}> belongs into <mj-text>, <mj-table> or <mj-raw>.")
        elif parent in COMPONENTS and name not in COMPONENTS[parent].children:
            places = " or ".join(f"<{place}>" for place in parents_of(name)) or "nowhere else"
            self.complain(token.start, f"<{name}> can't stand in <{parent}>, only in {places}.")

    def _attributes(self, token: markup.Token) -> str:
        written: list[str] = []
        seen: set[str] = set()
        for attribute in token.attributes:
            if attribute.has_liquid_name:
                self.complain(attribute.start, f"Liquid can't stand between the attributes of <{token.name}>.")
            elif not attribute.quote:
                self.complain(attribute.start, f"The attribute “{attribute.name}” needs a value in quotes.")
            elif attribute.name in seen:
                self.complain(attribute.start, f"The attribute “{attribute.name}” is given twice.")
            else:
                seen.add(attribute.name)
                written.append(f' {attribute.name}="{self._value(token, attribute)}"')
        return "".join(written)

    def _value(self, token: markup.Token, attribute: markup.Attribute) -> str:
        value = self.masked.source[attribute.value_start : attribute.value_end]
        has_liquid = FILLER in self.masked.text[attribute.value_start : attribute.value_end]
        if not has_liquid and not set(value) & set("&<>\"'"):
            return value
        hidden = self.shield.hide(quotes_outside_liquid(value))
        if has_liquid:
            self._hidden.append((hidden, attribute.value_start, f"“{attribute.name}” of <{token.name}>"))
        return hidden

    def _html(self, token: markup.Token, *, dropped: bool) -> int:
        closing = re.compile(rf"</{token.name}\s*>", re.IGNORECASE).search(self.masked.text, token.end)
        if closing is None:
            self.complain(token.start, f"<{token.name}> is never closed by </{token.name}>.")
            return len(self.masked.text)
        content = self.masked.source[token.end : closing.start()]
        if token.name not in {"mj-style", "mj-title", "mj-preview"}:
            for offset, message in check_html(self.masked.text, token.end, closing.start()):
                self.complain(offset, message)
        if token.name == "mj-raw" and self._parent == "mj-head":
            self.head.append(self.shield.hide(content.strip()))
        if not dropped:
            hidden = self.shield.hide(content) if content.strip() else ""
            self.out.append(f">{hidden}</{token.name}>")
        return closing.end()

    def _between(self, start: int, end: int) -> int:
        """Take the text between two tags of the structure: white space and Liquid, nothing else.

        Returns where it got to, which is past `end` when a capture block holds tags.
        """
        position = start
        for span in self.masked.within(start, end):
            if span.start < position:
                continue
            self._plain(position, span.start)
            position = self._whole(span)
            self._liquid(span, position)
        if position < end:
            self._plain(position, end)
        return max(position, end)

    def _plain(self, start: int, end: int) -> None:
        text = self.masked.source[start:end]
        if stray := text.strip():
            where = f"directly in <{self._parent}>; put it into <mj-text>" if self._parent else "outside <mjml>"
            if self._parent in {"mj-head", "mj-attributes", "mjml"}:
                where = f"in <{self._parent}>"
            self.complain(start + text.index(stray[0]), f"Text can't stand {where}.")

    def _whole(self, span: Span) -> int:
        """Return the end of a capture block, which stays together, or of the span itself."""
        if span.name == "capture":
            for other in self.masked.within(span.end, len(self.masked.source)):
                if other.name == "endcapture":
                    return other.end
        return span.end

    def _liquid(self, span: Span, end: int) -> None:
        text = self.masked.source[span.start : end]
        if self._parent in _HEAD:
            if span.name in PRELUDE:
                self.prelude.append(text)
            else:
                where = f"in <{self._parent}>" if self._parent else "outside <mjml>"
                self.complain(span.start, f"Only assign, capture and comments can stand directly {where}.")
            return
        as_raw = self._parent in _AS_RAW
        hidden = self.shield.hide(text) if as_raw else self.shield.hide_as_comment(text)
        self._hidden.append((hidden, span.start, f"this place in <{self._parent}>"))
        self.out.append(f"<mj-raw>{hidden}</mj-raw>" if as_raw else hidden)


def _suggestion(name: str, known: object) -> str:
    matches = get_close_matches(name, list(known), n=1, cutoff=0.7)  # type: ignore[call-overload]
    if not matches:
        return ""
    return f"; did you mean {f'<{matches[0]}>' if matches[0].startswith('mj') else f'“{matches[0]}”'}?"
