"""A part of a mail as a plan, and the functions made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import FunctionType
from typing import Any

from templates_lib.rendering.environment import MAX_LOOP_ITERATIONS, RenderState, SafeTemplate
from templates_lib.rendering.programs.emit import Emitter, Encoder, PlainText, function_of
from templates_lib.rendering.programs.nodes import NodeWriter, objects_of
from templates_lib.rendering.programs.ops import Choice, Op, Repeat, Static
from templates_lib.rendering.programs.runtime import SURE_CHARACTERS, RenderAgainError, captured

# Beyond this, compiling takes longer than rendering is worth.
MAX_NODES = 4_000


class TooLargeError(Exception):
    """A template with too many nodes, or nested too deeply, for one Python function."""


class Plan:
    """What a template does; `fallbacks` names the nodes that python-liquid renders.  Raises TooLargeError.

    With `noted` it also tells of the fields of these names that come out empty (`RenderState.empty_fields`).
    """

    def __init__(self, template: SafeTemplate, noted: Collection[str] = ()) -> None:
        writer = NodeWriter(template, noted)
        if writer.survey.nodes > MAX_NODES:
            raise TooLargeError(f"{writer.survey.nodes} nodes")
        self.ops: list[Op] = writer.write()
        self.fallbacks = writer.fallbacks
        self._roots = writer.names.roots
        self._needs_context = writer.expressions.needs_context
        self._objects = objects_of(writer)

    @property
    def static_text(self) -> str:
        """All the text that depends on no value, of every branch."""
        return "".join(_texts(self.ops))

    def program(self) -> Program:
        """Return the plan as a function that writes text.  Raises TooLargeError."""
        return Program(*self._function(PlainText(), {}))

    def encoded_program(self, encoder: Encoder, functions: Mapping[str, Any]) -> EncodedProgram:
        """Return the plan as a function that writes by an encoder, which may name `functions`.  Raises TooLargeError."""
        return EncodedProgram(*self._function(encoder, functions))

    def _function(self, encoder: Encoder, functions: Mapping[str, Any]) -> tuple[FunctionType, str]:
        source = Emitter(encoder).source(self.ops, roots=self._roots, needs_context=self._needs_context)
        try:
            return function_of(source, {**self._objects, **functions}), source
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise TooLargeError(type(error).__name__) from error


class Program:
    """A compiled part; `source` is the Python it runs."""

    @property
    def names(self) -> Mapping[str, Any]:
        """What the function can name."""
        return self._function.__globals__

    def __init__(self, function: FunctionType, source: str) -> None:
        self._function = function
        self.source = source

    def run(self, values: Mapping[str, Any], state: RenderState) -> str:
        """Return the part written for plain values.

        Raises RenderAgainError, or any other exception, where python-liquid has to render the part; OutOfTimeError is final.
        """
        pieces, size, rounds = self._function(values, state)
        text = self._joined(pieces)
        if size + len(text) > SURE_CHARACTERS or rounds > MAX_LOOP_ITERATIONS:
            raise RenderAgainError
        return text

    def _joined(self, pieces: list[str]) -> str:
        return captured(pieces)


class EncodedProgram(Program):
    """A compiled part that writes octets."""

    def _joined(self, pieces: list[str]) -> str:
        return "".join(pieces)


def _texts(ops: list[Op]) -> Iterator[str]:
    for op in ops:
        match op:
            case Static():
                yield op.text
            case Choice():
                for _, body in op.arms:
                    yield from _texts(body)
                yield from _texts(op.otherwise)
            case Repeat():
                yield from _texts(op.body)
            case _:
                pass
