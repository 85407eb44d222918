"""Liquid in its strictest safe setting: no files, no Python objects, bounded work and output."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any, TextIO, cast

from liquid import BoundTemplate, Environment, Mode
from liquid.ast import Node
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.context import RenderContext
from liquid.exceptions import LiquidError, LiquidSyntaxError, LiquidValueError, LoopIterationLimitError
from liquid.stringify import to_liquid_string
from liquid.token import Token
from liquid.undefined import Undefined
from liquid.utils import ReadOnlyChainMap

from templates_lib.rendering import filters

MAX_LOOP_ITERATIONS = 10_000
MAX_RANGE = 10_000
MAX_OUTPUT_BYTES = 2_000_000
MAX_LOCALS_BYTES = 1_000_000
MAX_NESTING = 20
MAX_SECONDS = 2.0

_FORBIDDEN_TAGS = ("include", "render")
_FORBIDDEN_FILTERS = ("safe", "escapejs")
_SCALARS = frozenset({str, int, float, bool, type(None)})


class OutOfTimeError(LiquidValueError):
    """Rendering took longer than MAX_SECONDS."""


def out_of_time(token: Token | None) -> OutOfTimeError:
    """Return the error for a rendering past its deadline."""
    return OutOfTimeError(f"rendering takes longer than {MAX_SECONDS:g} seconds", token=token)


@dataclass(slots=True)
class RenderState:
    """What one rendering knows beside its context; shared by the parts of a mail."""

    link: Callable[[int, str], str] | None = None
    clean_links: bool = False
    """Whether all that `link` returns is printable ASCII without spaces, begins with a letter and needs no escaping."""
    pixel_url: str = ""
    trap_url: str = ""
    """Of a link that people can't see: whoever follows it is a machine."""
    preheader: str = ""
    untracked: frozenset[str] = frozenset()
    linked: dict[tuple[int, str], str] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    empty_fields: set[str] | None = None
    deadline: float = 0.0
    uncompiled: bool = False
    """Whether python-liquid rendered any of it."""


class SafeContext(RenderContext):
    """A context that counts every iteration and watches the time; it has no `now` or `today` of the machine."""

    __slots__ = ("iterations", "state")

    def __init__(self, template: BoundTemplate, *, state: RenderState | None = None, **kwargs: Any) -> None:
        super().__init__(template, **kwargs)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self.state = state or RenderState(deadline=time.perf_counter() + MAX_SECONDS)
        self.iterations = 0

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count the iterations of all loops together, not only of nested ones."""
        self.iterations += length
        if self.iterations > MAX_LOOP_ITERATIONS:
            raise LoopIterationLimitError(f"loops run more than {MAX_LOOP_ITERATIONS:,} times in all", token=None)
        self.check_time()

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        self.check_time()
        return super().filter(name, token)

    def check_time(self) -> None:
        """Raise OutOfTimeError past the deadline."""
        if time.perf_counter() > self.state.deadline:
            raise out_of_time(None)


class SafeTemplate(BoundTemplate):
    context_class = SafeContext

    def render_state(self, context: Mapping[str, Any], state: RenderState) -> str:
        """Return the template rendered with plain values.  Raises LiquidError."""
        render_context = SafeContext(self, globals=context, state=state)
        buffer: StringIO = self._get_buffer()
        self.render_with_context(render_context, buffer)
        return buffer.getvalue()


class FieldOutputNode(OutputNode):
    """`{{ … }}`, which notes merge fields that came out empty when it is asked to."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        safe = cast("SafeContext", context)
        if safe.state.empty_fields is not None:
            self._note_empty(safe)
        value = self.expression.evaluate(context)
        return buffer.write(to_liquid_string(value, context.autoescape))

    @property
    def field(self) -> Path | None:
        """The name that is put out, if it is one and has no default."""
        expression = self.expression
        if not isinstance(expression, FilteredExpression) or not isinstance(expression.left, Path):
            return None
        return None if any(each.name == "default" for each in expression.filters or ()) else expression.left

    def _note_empty(self, context: SafeContext) -> None:
        path = self.field
        if path is not None and path.head() in context.state.fields and path.head() not in context.locals:
            note_if_empty(context.state, str(path), path.evaluate(context))


def note_if_empty(state: RenderState, field: str, value: object) -> None:
    """Note a merge field that comes out empty, if the state asks for them."""
    if state.empty_fields is not None and (value is None or isinstance(value, Undefined) or value in ("", [], {})):
        state.empty_fields.add(field)


class FieldOutput(Output):
    node_class = FieldOutputNode


class BoundedRange(RangeLiteral):
    """`(1..n)`, which refuses to be long: some operators walk through all of it."""

    __slots__ = ()

    def _make_range(self, start: Any, stop: Any) -> range:
        made = super()._make_range(start, stop)
        if made.stop - made.start > MAX_RANGE:
            raise LiquidValueError(f"the range has more than {MAX_RANGE:,} numbers", token=self.token)
        return made


class SafeEnvironment(Environment):
    """An environment without loaders; `autoescape` is for HTML."""

    block_nesting_limit = MAX_NESTING
    context_depth_limit = MAX_NESTING * 2
    loop_iteration_limit = MAX_LOOP_ITERATIONS
    local_namespace_limit = MAX_LOCALS_BYTES
    output_stream_limit = MAX_OUTPUT_BYTES
    template_class = SafeTemplate

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, tolerance=Mode.STRICT, strict_filters=True)

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=False)
        for name in _FORBIDDEN_TAGS:
            del self.tags[name]
        for name in _FORBIDDEN_FILTERS:
            del self.filters[name]
        self.add_tag(FieldOutput)
        sizes: dict[str, Callable[..., int]] = {
            "append": filters.size_appended,
            "prepend": filters.size_appended,
            "replace": filters.size_replaced,
            "replace_first": filters.size_replaced,
            "replace_last": filters.size_replaced,
            "join": filters.size_joined,
            "split": filters.size_split,
        }
        for name, filter_ in self.filters.items():
            self.filters[name] = filters.bounded(filter_, sizes.get(name))
        self.filters["uniq"] = filters.unique(self.filters["uniq"])
        for own in (filters.raw, filters.strip_html, filters.date, filters.number, filters.percent, filters.money):
            self.add_filter(own.__name__, own)

    def error(self, exc: type[LiquidError] | LiquidError, msg: str | None = None, token: Token | None = None) -> None:
        """Raise the error, placed at the tag being parsed when it doesn't know its own place."""
        if isinstance(exc, LiquidError) and (exc.token is None or exc.token.start_index < 0):
            exc.token = token
        super().error(exc, msg, token)

    def parse_safely(self, source: str) -> SafeTemplate:
        """Return the parsed template.  Raises LiquidError (LiquidSyntaxError with a token where it can)."""
        template = cast("SafeTemplate", self.from_string(source))
        for node in template.nodes:
            self._secure(template, node)
        return template

    def _secure(self, template: SafeTemplate, node: Node) -> None:
        context = SafeContext(template)
        pending_nodes = [node]
        while pending_nodes:
            current = pending_nodes.pop()
            pending_nodes += current.children(context, include_partials=False)
            pending = list(current.expressions())
            while pending:
                expression = pending.pop()
                self._secure_expression(expression)
                pending += expression.children()

    def _secure_expression(self, expression: Any) -> None:
        if type(expression) is RangeLiteral:
            expression.__class__ = BoundedRange
        elif isinstance(expression, FilteredExpression):
            for filter_ in expression.filters or ():
                if filter_.name not in self.filters:
                    raise LiquidSyntaxError(f"unknown filter '{filter_.name}'", token=filter_.token)


def plain(value: Any) -> Any:
    """Return a value as plain JSON: texts, numbers, booleans, None, lists and dicts; dates become ISO 8601 text.

    What is plain already is returned as it is. Raises TypeError on anything else, so that no Python object is ever within a
    template's reach.
    """
    return value if _is_plain(value) else _made_plain(value)


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str or not (type(item) in _SCALARS or _is_plain(item)):
                return False
        return True
    if kind is list:
        return all(type(item) in _SCALARS or _is_plain(item) for item in value)
    return kind in _SCALARS


def _made_plain(value: Any) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {str(key): _made_plain(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [_made_plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"a {kind.__name__} can't be used in a template")
