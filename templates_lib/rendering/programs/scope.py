"""What the writer of a program knows about names while it goes through a template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from liquid.ast import Node
from liquid.builtin.expressions import Path
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.tags.decrement_tag import DecrementNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.increment_tag import IncrementNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.expression import Expression
from liquid.undefined import Undefined

from templates_lib.rendering.environment import SafeContext, SafeTemplate

FORLOOP = "forloop"
# What forloop says that follows from an index `{i}` and a length `{n}` alone.
FORLOOP_CODE = {
    "index": "({i} + 1)",
    "index0": "{i}",
    "rindex": "({n} - {i})",
    "rindex0": "({n} - {i} - 1)",
    "first": "({i} == 0)",
    "last": "({i} == {n} - 1)",
    "length": "{n}",
}


class UntranslatableError(Exception):
    """A node that the compiler doesn't know; the text names it."""


@dataclass(slots=True)
class LoopNames:
    """The variables of a loop whose forloop object is never needed as such."""

    index: str
    length: str
    uses_index: bool = False


@dataclass(slots=True)
class Survey:
    """What must be known of a whole template before the first line is written."""

    assigned: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)
    nodes: int = 0
    continues: bool = False
    needs_forloop: bool = False


def survey(template: SafeTemplate) -> Survey:
    """Return what a template assigns, counts and asks of its loops."""
    found = Survey()
    for node in _nodes(template):
        found.nodes += 1
        if isinstance(node, IncrementNode | DecrementNode):
            found.counted.add(str(node.name))
        else:
            found.assigned.update(str(name) for name in node.template_scope())
        if isinstance(node, ForNode | TablerowNode):
            offset = node.expression.offset
            found.continues = found.continues or (isinstance(offset, StringLiteral) and offset.value == "continue")
        for expression in _expressions(node):
            if isinstance(expression, Path) and expression.path[0] == FORLOOP and not _is_simple(expression):
                found.needs_forloop = True
    return found


def _is_simple(path: Path) -> bool:
    return len(path.path) == 2 and isinstance(path.path[1], str) and path.path[1] in FORLOOP_CODE


def _nodes(template: SafeTemplate) -> Iterator[Node]:
    context = SafeContext(template)
    pending = list(template.nodes)
    while pending:
        node = pending.pop()
        yield node
        pending += node.children(context, include_partials=False)


def _expressions(node: Node) -> Iterator[Expression]:
    pending = list(node.expressions())
    while pending:
        expression = pending.pop()
        yield expression
        pending += expression.children()


class Names:
    """Generated names and what they stand for; the only names generated code knows."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.roots: dict[str, tuple[str, str]] = {}
        self._known: dict[int, str] = {}
        self._count = 0

    def fresh(self) -> str:
        """Return a variable that nothing else uses."""
        self._count += 1
        return f"t{self._count}"

    def constant(self, value: Any) -> str:
        """Return the name under which generated code finds an object."""
        name = self._known.get(id(value))
        if name is None:
            name = self._known[id(value)] = f"K{len(self._known)}"
            self.objects[name] = value
        return name

    def root(self, name: str) -> tuple[str, str]:
        """Return the variable with a field of the context, and the name of what stands for it when it is missing."""
        if name not in self.roots:
            undefined = self.constant(Undefined(name, hint=f"{name!r} is undefined"))
            self.roots[name] = (f"g{len(self.roots)}", undefined)
        return self.roots[name]
