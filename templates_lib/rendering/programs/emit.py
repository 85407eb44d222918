"""Operations as the source of one Python function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Protocol

from templates_lib.rendering.programs.ops import Choice, Collect, Jump, Op, Repeat, Statement, Static, Value
from templates_lib.rendering.programs.runtime import LOOSE_PIECES

# Values written in a row before their length is taken.
_VALUES_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Written:
    """A static text as it is written: one of `leads`, by what the part ends in before it, and `text`.

    `tails` says what it ends in then. Without either, what stands before makes no difference.
    """

    text: str
    leads: Mapping[str, str] = field(default_factory=dict)
    tails: Mapping[str, str] = field(default_factory=dict)


class Encoder(Protocol):
    """How the pieces of a part are written: as text, or as octets of a transfer encoding."""

    measure: str
    """The name of the function that joins loose pieces."""
    first_tail: str | None
    """What a part ends in before anything is written, if the program has to keep an eye on that."""

    def static(self, op: Static) -> Written:
        """Return what to write for a text."""

    def value(self, op: Value) -> str:
        """Return the Python that writes a value."""


class PlainText:
    """Writes everything as it is."""

    measure = "measure"
    first_tail: str | None = None

    def static(self, op: Static) -> Written:
        """Return the text."""
        return Written(op.text)

    def value(self, op: Value) -> str:
        """Return the value's own."""
        return op.code


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
        self._line(1, "linked = state.linked")
        self._line(1, "clean = linked if state.clean_links else {}")
        for root, (variable, undefined) in roots.items():
            self._line(1, f"{variable} = field({root!r}, {undefined})")
        if needs_context:
            self._line(1, "context = open_context(template, values, state)")
            self._line(1, "assigned, counters = context.locals, context.counters")
        self._line(1, "rounds = size = 0")
        self._line(1, "pieces = []")
        if self._encoder.first_tail is not None:
            self._line(1, f"tail = {self._encoder.first_tail!r}")
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
                    self._collect(op, depth)
        self._run(run, depth, pieces, encoder)
        if len(self._lines) == written:
            self._line(depth, "pass")

    def _collect(self, op: Collect, depth: int) -> None:
        if len(op.body) == 1 and isinstance(op.body[0], Value):
            self._line(depth, f"{op.target} = {op.body[0].code}")
            usual = f"{op.target}.isascii() and {op.target}.isprintable()"
            self._line(depth, f"if not ({usual}): {op.target} = captured(({op.target},))")
        else:
            inner = self._new_list(depth)
            self._ops(op.body, depth, inner, self._plain)
            self._line(depth, f"{op.target} = captured({inner})")
        self._line(depth, f"size += len({op.target})")

    def _new_list(self, depth: int) -> str:
        self._lists += 1
        self._line(depth, f"p{self._lists} = []")
        return f"p{self._lists}"

    def _run(self, run: list[Static | Value], depth: int, pieces: str, encoder: Encoder) -> None:
        """Write texts and values that come one after the other."""
        if not run:
            return
        parts: list[str] = []
        values = left_out = 0
        tail: str | None = None
        for op in run:
            if isinstance(op, Value):
                parts.append(encoder.value(op))
                values += 1
                tail = ""
            else:
                written = encoder.static(op)
                leads = set(written.leads.values())
                left_out += max(len(op.text) - len(written.text) - min(map(len, leads), default=0), 0)
                if len(leads) == 1:
                    parts.append(repr(leads.pop() + written.text))
                elif leads:
                    parts += (
                        _selected(written.leads if tail is None else {tail: written.leads[tail]}),
                        repr(written.text),
                    )
                else:
                    parts.append(repr(written.text))
                tails = written.tails if tail is None else {tail: written.tails.get(tail, "")}
                if encoder.first_tail is not None and len(set(tails.values())) > 1:
                    # The run so far has not been more than white space: what it ends in depends on what was before.
                    self._pieces(parts, depth, pieces)
                    self._line(depth, f"tail = {_selected(tails)}")
                    parts, tail = [], None
                else:
                    tail = next(iter(tails.values()), "")
            if values == _VALUES_AT_ONCE:
                self._pieces(parts, depth, pieces)
                self._line(depth, f"{encoder.measure}({pieces}, size)")
                parts, values = [], 0
        self._pieces(parts, depth, pieces)
        if left_out:
            self._line(depth, f"size += {left_out}")
        if encoder.first_tail is not None and tail is not None:
            self._line(depth, f"tail = {tail!r}")

    def _pieces(self, parts: list[str], depth: int, pieces: str) -> None:
        written = [part for part in parts if part != repr("")]
        if len(written) == 1:
            self._line(depth, f"{pieces}.append({written[0]})")
        elif written:
            self._line(depth, f"{pieces} += ({', '.join(written)})")

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
        self._line(depth + 1, f"if len({pieces}) > {LOOSE_PIECES}: {encoder.measure}({pieces}, size)")
        self._ops(op.body, depth + 1, pieces, encoder)


def _selected(by_tail: Mapping[str, str]) -> str:
    """Return Python for the text that belongs to the variable `tail`."""
    *others, last = sorted(by_tail.items())
    return "(" + "".join(f"{text!r} if tail == {tail!r} else " for tail, text in others) + f"{last[1]!r})"


def function_of(source: str, objects: dict[str, Any]) -> FunctionType:
    """Return the function that a source defines, with nothing in reach but `objects`."""
    space: dict[str, Any] = {"__builtins__": _BUILTINS, **objects}
    exec(compile(source, "<compiled mail>", "exec"), space)  # noqa: S102 - generated by Emitter from repr'd constants
    made: FunctionType = space["render"]
    return made


_BUILTINS = {builtin.__name__: builtin for builtin in (dict, enumerate, float, int, iter, len, list, str, type)}
