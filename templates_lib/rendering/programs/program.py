"""A part of a mail as a plan, and the functions made of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import Any

from templates_lib.rendering.environment import MAX_LOOP_ITERATIONS, RenderState, SafeTemplate
from templates_lib.rendering.programs.emit import Emitter, Encoder, PlainText, function_of
from templates_lib.rendering.programs.nodes import NodeWriter, objects_of
from templates_lib.rendering.programs.ops import Op
from templates_lib.rendering.programs.runtime import SURE_CHARACTERS, RenderAgainError, captured

# Beyond this, compiling takes longer than rendering is worth.
MAX_NODES = 4_000


class TooLargeError(Exception):
    """A template with too many nodes, or nested too deeply, for one Python function."""


class Plan:
    """What a template does; `fallbacks` names the nodes that python-liquid renders.  Raises TooLargeError."""

    def __init__(self, template: SafeTemplate) -> None:
        writer = NodeWriter(template)
        if writer.survey.nodes > MAX_NODES:
            raise TooLargeError(f"{writer.survey.nodes} nodes")
        self.ops: list[Op] = writer.write()
        self.fallbacks = writer.fallbacks
        self._roots = writer.names.roots
        self._needs_context = writer.expressions.needs_context
        self._objects = objects_of(writer)

    def program(self, encoder: Encoder | None = None, functions: Mapping[str, Any] | None = None) -> Program:
        """Return the plan as a function that writes by an encoder, which may name `functions`.  Raises TooLargeError."""
        source = Emitter(encoder or PlainText()).source(self.ops, roots=self._roots, needs_context=self._needs_context)
        try:
            function = function_of(source, {**self._objects, **(functions or {})})
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise TooLargeError(type(error).__name__) from error
        return Program(function, source)


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
        text = captured(pieces)
        if size + len(text) > SURE_CHARACTERS or rounds > MAX_LOOP_ITERATIONS:
            raise RenderAgainError
        return text
