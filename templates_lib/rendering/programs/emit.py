"""Operations as the source of one Python function."""

from __future__ import annotations

from types import FunctionType
from typing import Any, Protocol

from templates_lib.rendering.programs.ops import Choice, Collect, Jump, Op, Repeat, Statement, Static, Value
from templates_lib.rendering.programs.runtime import LOOSE_PIECES

# Values written in a row before their length is taken.
_VALUES_AT_ONCE = 32


class Encoder(Protocol):
    """How the pieces of a part are written: as text, or as octets of a transfer encoding."""

    def static(self, op: Static) -> str:
        """Return what to write for a text."""

    def value(self, op: Value) -> str:
        """Return the name of the function that a value goes through, or nothing."""


class PlainText:
    """Writes everything as it is."""

    def static(self, op: Static) -> str:
        """Return the text."""
        return op.text

    def value(self, op: Value) -> str:
        """Return no function."""
        return ""


class Emitter:
    """Writes the function `render(values, state)`.

    It returns the pieces of a part, the length of what was captured on the way, and the rounds of all loops.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._plain = PlainText()
        self._lines: list[str] = []
        self._lists = 0

    def source(self, ops: list[Op], *, roots: dict[str, tuple[str, str]], needs_context: bool) -> str:
        """Return the function's source."""
        self._line(0, "def render(values, state):")
        self._line(1, "deadline = state.deadline")
        self._line(1, "field = values.get")
        for root, (variable, undefined) in roots.items():
            self._line(1, f"{variable} = field({root!r}, {undefined})")
        if needs_context:
            self._line(1, "context = open_context(template, values, state)")
            self._line(1, "assigned, counters = context.locals, context.counters")
        self._line(1, "rounds = size = 0")
        self._line(1, "pieces = []")
        self._ops(ops, 1, "pieces", self._encoder)
        if needs_context:
            self._line(1, "rounds += context.iterations")
        self._line(1, "return pieces, size, rounds")
        return "\n".join(self._lines) + "\n"

    def _line(self, depth: int, line: str) -> None:
        self._lines.append(" " * depth + line)

    def _ops(self, ops: list[Op], depth: int, pieces: str, encoder: Encoder) -> None:
        """Write operations whose pieces go to the list with the name `pieces`."""
        written = len(self._lines)
        run: list[Static | Value] = []
        for op in ops:
            if isinstance(op, Static | Value):
                run.append(op)
                continue
            self._run(run, depth, pieces, encoder)
            run = []
            match op:
                case Statement():
                    self._line(depth, op.line)
                case Choice():
                    self._choice(op, depth, pieces, encoder)
                case Repeat():
                    self._repeat(op, depth, pieces, encoder)
                case Jump():
                    self._line(depth, op.kind)
                case Collect():
                    inner = self._new_list(depth)
                    self._ops(op.body, depth, inner, self._plain)
                    self._line(depth, f"{op.target} = captured({inner})")
                    self._line(depth, f"size += len({op.target})")
        self._run(run, depth, pieces, encoder)
        if len(self._lines) == written:
            self._line(depth, "pass")

    def _new_list(self, depth: int) -> str:
        self._lists += 1
        self._line(depth, f"p{self._lists} = []")
        return f"p{self._lists}"

    def _run(self, run: list[Static | Value], depth: int, pieces: str, encoder: Encoder) -> None:
        parts: list[str] = []
        values = 0
        text = ""
        for op in [*run, None]:
            if isinstance(op, Static):
                text += encoder.static(op)
                continue
            if text:
                parts.append(repr(text))
                text = ""
            if op is not None:
                function = encoder.value(op)
                parts.append(f"{function}({op.code})" if function else op.code)
                values += 1
            if parts and (op is None or values == _VALUES_AT_ONCE):
                if len(parts) == 1:
                    self._line(depth, f"{pieces}.append({parts[0]})")
                else:
                    self._line(depth, f"{pieces} += ({', '.join(parts)})")
                if values == _VALUES_AT_ONCE:
                    self._line(depth, f"measure({pieces}, size)")
                parts, values = [], 0

    def _choice(self, op: Choice, depth: int, pieces: str, encoder: Encoder) -> None:
        for number, (condition, body) in enumerate(op.arms):
            self._line(depth, f"{'elif' if number else 'if'} {condition}:")
            self._ops(body, depth + 1, pieces, encoder)
        if op.otherwise:
            self._line(depth, "else:")
            self._ops(op.otherwise, depth + 1, pieces, encoder)

    def _repeat(self, op: Repeat, depth: int, pieces: str, encoder: Encoder) -> None:
        if op.once:
            self._line(depth, f"for {op.head}:")
            self._ops(op.body, depth + 1, pieces, encoder)
            return
        self._line(depth, f"for {op.head}:")
        self._line(depth + 1, f"if len({pieces}) > {LOOSE_PIECES}: measure({pieces}, size)")
        self._ops(op.body, depth + 1, pieces, encoder)


def function_of(source: str, objects: dict[str, Any]) -> FunctionType:
    """Return the function that a source defines, with nothing in reach but `objects`."""
    space: dict[str, Any] = {"__builtins__": _BUILTINS, **objects}
    exec(compile(source, "<compiled mail>", "exec"), space)  # noqa: S102 - generated by Emitter from repr'd constants
    made: FunctionType = space["render"]
    return made


_BUILTINS = {builtin.__name__: builtin for builtin in (dict, enumerate, float, int, iter, len, list, str, type)}
