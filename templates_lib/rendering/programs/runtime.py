"""What generated code calls: the rare and the general cases, by python-liquid's own functions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any, Never

from liquid import Markup
from liquid.ast import Node
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.stringify import to_liquid_string
from liquid.token import Token
from liquid.undefined import Undefined, is_undefined
from markupsafe import _escape_inner as escaped  # type: ignore[attr-defined]  # escape() without making a Markup

from templates_lib.rendering import links
from templates_lib.rendering.environment import (
    MAX_OUTPUT_BYTES,
    RenderState,
    SafeContext,
    SafeEnvironment,
    SafeTemplate,
    out_of_time,
)

# A character has at most four octets in UTF-8: below this no limit of python-liquid's can have been reached.
SURE_CHARACTERS = MAX_OUTPUT_BYTES // 4
# Pieces kept apart before their length is taken.
LOOSE_PIECES = 64
_IDENTITY_SCALARS = frozenset({int, float})


class RenderAgainError(Exception):
    """Compiled code met something that is python-liquid's to decide: a limit, an error, an oddity."""


def again() -> Never:
    """Leave the rest to python-liquid."""
    raise RenderAgainError


def late(token: Token) -> Never:
    """Raise OutOfTimeError at the place python-liquid would give."""
    raise out_of_time(token)


def open_context(template: SafeTemplate, values: Mapping[str, Any], state: RenderState) -> SafeContext:
    """Return the context that filters and stateful tags work on."""
    context = SafeContext(template, globals=values, state=state)
    context.scope.push(template.make_partial_namespace(partial=False, render_args={}))
    return context


class BareContext:
    """As much of a context as a loop needs that is never continued."""

    def __init__(self, env: SafeEnvironment) -> None:
        self.env = env

    def stopindex(self, key: str, index: int | None = None) -> int:
        """Remember nothing."""
        return index or 0


class Items:
    """Reads an item of anything as python-liquid does."""

    def __init__(self, template: SafeTemplate) -> None:
        self._read = SafeContext(template).get_item

    def __call__(self, value: Any, key: Any, undefined: Undefined) -> Any:
        """Return the item, or `undefined` when there is none."""
        try:
            return self._read(value, key)
        except (KeyError, TypeError, IndexError):
            return undefined


def text_of(value: Any) -> str:
    """Return a value as plain text."""
    if value is None or type(value) is Undefined:
        return ""
    return str(value) if type(value) in _IDENTITY_SCALARS else str(to_liquid_string(value, autoescape=False))


def html_of(value: Any) -> str:
    """Return a value as HTML, escaped unless it is marked as HTML."""
    if value is None or type(value) is Undefined:
        return ""
    return str(value) if type(value) in _IDENTITY_SCALARS else str(to_liquid_string(value, autoescape=True))


def loop_items(expression: LoopExpression, value: Any, limit: Any, offset: Any, context: Any) -> tuple[Any, int]:
    """Return what a loop goes through and how many that are."""
    iterator, length = expression._to_iter(value, context)  # noqa: SLF001
    count = None if expression.limit is None else expression._to_int(limit, token=expression.limit.token)  # noqa: SLF001
    if expression.offset is not None and not (isinstance(expression.offset, StringLiteral) and offset == "continue"):
        offset = expression._to_int(offset, token=expression.offset.token)  # noqa: SLF001
    return expression._slice(iterator, length, context, limit=count, offset=offset)  # noqa: SLF001


def cycled(context: SafeContext, group: Any, arguments: list[Any], *, grouped: bool) -> Any:
    """Return the next of a cycle's values."""
    name = ("__UNDEFINED" if is_undefined(group) else str(group)) if grouped else ""
    index = context.cycle(name or str(arguments), len(arguments))
    return arguments[index] if index < len(arguments) else ""


def with_newlines(written: str) -> str:
    """Return what a buffer of python-liquid's makes of one piece: it ends all lines alike."""
    return written.replace("\r\n", "\n").replace("\r", "\n")


def captured(pieces: Sequence[str]) -> str:
    """Return pieces as one text.  Raises UnicodeEncodeError for what UTF-8 can't hold, as a buffer of python-liquid's."""
    text = "".join(pieces)
    if not text.isascii():
        text.encode()
    return text if "\r" not in text else "".join(map(with_newlines, pieces))


def measure(pieces: list[str], size: int) -> None:
    """Join loose pieces to one.  Raises RenderAgainError near the limit of output."""
    text = captured(pieces)
    pieces[:] = [text]
    if size + len(text) > SURE_CHARACTERS:
        raise RenderAgainError


def measure_octets(pieces: list[str], size: int) -> None:
    """Do the same for pieces that are octets."""
    octets = "".join(pieces)
    pieces[:] = [octets]
    if size + len(octets) > SURE_CHARACTERS:
        raise RenderAgainError


def html_link(state: RenderState, number: int, url: str) -> str:
    """Return a clean web address, tracked, for an attribute."""
    return escaped(text_link(state, number, url))


def html_link_of(state: RenderState, number: int, written: str) -> str:
    """Return a URL as it came out of HTML, tracked, for an attribute."""
    return escaped(text_link_of(state, number, unescape(written) if "&" in written else written))


def text_link_of(state: RenderState, number: int, written: str) -> str:
    """Return a URL as it came out of plain text, tracked."""
    if written.startswith(("https://", "http://")) and written.isprintable() and written[-1] != " ":
        return text_link(state, number, written)  # a clean web address
    return links.tracked(links.safe_url(written), number, state)


def text_link(state: RenderState, number: int, url: str) -> str:
    """Return a clean web address, tracked."""
    if state.link is None or url in state.untracked:
        return url
    made = state.linked[number, url] = state.link(number, url)
    return made


def clean_link(state: RenderState, number: int, url: str) -> str:
    """Return a clean web address, tracked, if nothing in it has to be escaped or encoded; else nothing."""
    if not state.clean_links or url in state.untracked or state.link is None:
        return ""
    made = state.linked[number, url] = state.link(number, url)
    return made


def clean_link_of(state: RenderState, number: int, written: str) -> str:
    """Return the same for a URL as it came out of plain text."""
    if written.startswith(("https://", "http://")) and written.isprintable() and written[-1] != " ":
        return clean_link(state, number, written)
    return ""


def clean_html_link_of(state: RenderState, number: int, written: str) -> str:
    """Return the same for a URL as it came out of HTML."""
    return clean_link_of(state, number, unescape(written) if "&" in written else written)


def by_python_liquid(node: Node, context: SafeContext) -> str:
    """Return what a node writes that the compiler doesn't know."""
    context.state.uncompiled = True
    buffer = context.get_buffer()
    node.render(context, buffer)
    return buffer.getvalue()


clock = time.perf_counter

__all__ = ["Markup", "RenderState", "clock", "escaped"]
