"""Liquid's syntax tree as operations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from html import unescape
from typing import Any

from liquid import escape
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.expressions.primitive import Literal, Nil, StringLiteral
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.cycle_tag import CycleNode
from liquid.builtin.tags.decrement_tag import DecrementNode
from liquid.builtin.tags.doc_tag import DocNode
from liquid.builtin.tags.echo_tag import EchoNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForLoop, ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.ifchanged_tag import IfChangedNode
from liquid.builtin.tags.increment_tag import IncrementNode
from liquid.builtin.tags.inline_comment_tag import InlineCommentNode
from liquid.builtin.tags.liquid_tag import LiquidNode
from liquid.builtin.tags.tablerow_tag import TableRow, TablerowNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.stringify import to_liquid_string
from liquid.undefined import Undefined

from templates_lib.rendering import links
from templates_lib.rendering.environment import MAX_LOOP_ITERATIONS, FieldOutputNode, SafeTemplate, note_if_empty
from templates_lib.rendering.programs import runtime
from templates_lib.rendering.programs.expressions import ExpressionWriter
from templates_lib.rendering.programs.ops import Choice, Collect, Jump, Op, Repeat, Statement, Static, Value
from templates_lib.rendering.programs.scope import FORLOOP, LoopNames, UntranslatableError, survey

type _Write = Callable[[Any], list[Op]]


class NodeWriter:
    """Turns the nodes of one template into operations; `fallbacks` are the nodes left to python-liquid.

    What the names in `noted` give is looked at wherever it is put out without a default, as `FieldOutputNode` does.
    """

    def __init__(self, template: SafeTemplate, noted: Collection[str] = ()) -> None:
        self.template = template
        self._noted = noted
        self.survey = survey(template)
        self.expressions = ExpressionWriter(template, self.survey)
        self.names = self.expressions.names
        self.fallbacks: list[str] = []
        self._loops: list[str] = []
        """What jumps leave, innermost last: "for", or the flag of a tablerow."""
        self._parents: list[str] = []
        self._inside_for = 0
        self._writers: dict[type[Node], _Write] = {
            ContentNode: lambda node: [Static(runtime.with_newlines(node.text))] if node.text else [],
            OutputNode: self._output,
            FieldOutputNode: self._field_output,
            EchoNode: self._output,
            CommentNode: lambda _: [],
            InlineCommentNode: lambda _: [],
            DocNode: lambda _: [],
            IfNode: self._if,
            UnlessNode: self._unless,
            CaseNode: self._case,
            ForNode: self._for,
            TablerowNode: self._tablerow,
            BreakNode: self._break,
            ContinueNode: self._continue,
            AssignNode: self._assign,
            CaptureNode: self._capture,
            CycleNode: self._cycle,
            IncrementNode: self._increment,
            DecrementNode: self._decrement,
            IfChangedNode: self._ifchanged,
            LiquidNode: lambda node: self._block(node.block),
            links.LinkNode: self._link,
            links.PixelNode: lambda _: [Value("pixel(state)", optional=True)],
            links.PreheaderNode: lambda _: [Value("preheader(state)", optional=True)],
        }

    def write(self) -> list[Op]:
        """Return the operations of the whole template."""
        ops: list[Op] = []
        for node in self.template.nodes:
            self.expressions.token = node.token
            ops += self._node(node)
        return _joined(ops)

    def _node(self, node: Node) -> list[Op]:
        try:
            writer = self._writers.get(type(node))
            if writer is None:
                raise UntranslatableError(type(node).__name__)
            return writer(node)
        except UntranslatableError as error:
            if self._loops:
                raise  # the whole loop is python-liquid's, which then knows its variables
            self.fallbacks.append(str(error))
            self.expressions.needs_context = True
            return [Value(f"by_python_liquid({self.names.constant(node)}, context)")]

    def _nodes(self, nodes: Iterable[Node]) -> list[Op]:
        return _joined([op for node in nodes for op in self._node(node)])

    def _block(self, block: BlockNode | None) -> list[Op]:
        """Return what a block does; one that holds nothing but white space writes nothing."""
        if block is None:
            return []
        ops = self._nodes(block.nodes)
        if not block.blank:
            return ops
        silent: list[Op] = []
        for op in ops:
            if isinstance(op, Value):
                silent.append(Statement(op.code))
            elif not isinstance(op, Static):
                silent.append(op)
        return silent

    def _output(self, node: OutputNode) -> list[Op]:
        expression = node.expression
        plain = expression.left if isinstance(expression, FilteredExpression) and not expression.filters else expression
        if isinstance(plain, Nil):
            return []
        if isinstance(plain, Literal):
            value = plain.evaluate(runtime.open_context(self.template, {}, runtime.RenderState()))
            text = str(to_liquid_string(value, self.expressions.autoescape))
            return [Static(runtime.with_newlines(text))] if text else []
        return [Value(self.expressions.output(expression))]

    def _field_output(self, node: FieldOutputNode) -> list[Op]:
        path = node.field
        if path is None or path.head() not in self._noted:
            return self._output(node)
        note = f"note_if_empty(state, {str(path)!r}, {self.expressions.value(path)})"
        if path.head() in self.survey.assigned:
            note = f"{str(path.head())!r} in assigned or {note}"
        return [Statement(note), *self._output(node)]

    def _if(self, node: IfNode, *, negated: bool = False) -> list[Op]:
        first = self.expressions.condition(node.condition)
        arms = [(f"not {first}" if negated else first, self._block(node.consequence))]
        arms += [(self.expressions.condition(arm.expression), self._block(arm.block)) for arm in node.alternatives]
        return [Choice(arms, self._block(node.default))]

    def _unless(self, node: Any) -> list[Op]:
        return self._if(node, negated=True)

    def _case(self, node: CaseNode) -> list[Op]:
        matched, left = self.names.fresh(), self.names.fresh()
        ops: list[Op] = [
            Statement(f"{matched} = False"),
            Statement(f"{left} = {self.expressions.value(node.expression)}"),
        ]
        for block in node.blocks:
            if isinstance(block, MultiExpressionBlockNode):
                choices = block.expression.expressions
                tests = " + ".join(f"equal({left}, {self.expressions.value(choice)})" for choice in choices)
                count = self.names.fresh()
                body: list[Op] = [Statement(f"{matched} = True")]
                if len(choices) > 1:
                    # Python-liquid renders a block once for each choice that fits.
                    body.append(Statement(f"if {count} > 1: again()"))
                ops.append(Choice([(f"({count} := {tests})", [*body, *self._block(block.block)])]))
            else:
                ops.append(Choice([(f"not {matched}", self._block(block))]))
        return ops

    def _items(self, expression: Any) -> tuple[list[Op], str, str]:
        """Return what finds out what a loop goes through, and the variables of the items and their number."""
        items, length = self.names.fresh(), self.names.fresh()
        value = self.expressions.value
        limit = "None" if expression.limit is None else value(expression.limit)
        if isinstance(expression.offset, StringLiteral):
            offset = repr(str(expression.offset.value))
        else:
            offset = "None" if expression.offset is None else value(expression.offset)
        context = "context" if self.survey.continues else self.names.constant(runtime.BareContext(self.expressions.env))
        general = (
            f"{items}, {length} = loop_items({self.names.constant(expression)}, {items}, {limit}, {offset}, {context})"
        )
        ops: list[Op] = [Statement(f"{items} = {value(expression.iterable)}")]
        if (
            expression.limit is None
            and expression.offset is None
            and not expression.reversed
            and not self.survey.continues
        ):
            ops.append(
                Choice(
                    [(f"type({items}) is list", [Statement(f"{length} = len({items})")])],
                    [Statement(general)],
                )
            )
        else:
            ops.append(Statement(general))
        return ops, items, length

    def _count(self, rounds: str) -> list[Op]:
        token = self.names.constant(self.expressions.token)
        return [
            Statement(f"rounds += {rounds}"),
            Statement(f"if rounds > {MAX_LOOP_ITERATIONS}: again()"),
            Statement(f"if clock() > deadline: late({token})"),
        ]

    def _for(self, node: ForNode) -> list[Op]:
        expression = node.expression
        ops, items, length = self._items(expression)
        item, index = self.names.fresh(), self.names.fresh()
        outer, loop = self.expressions.scope, LoopNames(index, length)
        label = f"{expression.identifier}-{expression.iterable}"
        start: list[Op] = self._count(length)
        if self.survey.needs_forloop:
            made = self.names.fresh()
            parent = self._parents[-1] if self._parents else self.names.constant(Undefined("parentloop"))
            start.append(
                Statement(f"{made} = ForLoop(name={label!r}, it=iter({items}), length={length}, parentloop={parent})")
            )
            self.expressions.scope = {**outer, FORLOOP: made, str(expression.identifier): item}
            self._parents.append(made)
            items = made
        else:
            self.expressions.scope = {**outer, FORLOOP: loop, str(expression.identifier): item}
            self._parents.append("")
        self._loops.append("for")
        try:
            body = self._block(node.block)
        finally:
            self._loops.pop()
            self._parents.pop()
            self.expressions.scope = outer
        head = f"{index}, {item} in enumerate({items})" if loop.uses_index else f"{item} in {items}"
        return [*ops, Choice([(length, [*start, Repeat(head, body)])], self._block(node.default))]

    def _tablerow(self, node: TablerowNode) -> list[Op]:
        expression = node.expression
        ops, items, length = self._items(expression)
        item, row, left = self.names.fresh(), self.names.fresh(), self.names.fresh()
        cols = length
        if expression.cols is not None:
            cols = f"{self.names.constant(node)}._int_or_zero({self.expressions.value(expression.cols)})"
        outer = self.expressions.scope
        self.expressions.scope = {**outer, "tablerowloop": row, str(expression.identifier): item}
        self._loops.append(left)
        try:
            body = self._block(node.block)
        finally:
            self._loops.pop()
            self.expressions.scope = outer
        once = [Statement(f"{left} = True"), *body, Statement(f"{left} = False")]
        next_row = f"f'</tr>\\n<tr class=\"row{{{row}.row + 1}}\">'"
        cell: list[Op] = [
            Value(f"f'<td class=\"col{{{row}.col}}\">'"),
            Repeat(f"{self.names.fresh()} in ONCE", once, once=True),
            Static("</td>"),
            Choice([(f"{row}.col_last and not {row}.last", [Value(next_row)])]),
            Choice([(left, [Jump("break")])]),
        ]
        name = repr(str(expression.identifier))
        return [
            *ops,
            Choice(
                [
                    (
                        length,
                        [
                            # Python-liquid counts the rounds of a table twice.
                            *self._count(f"2 * {length}"),
                            Statement(f"{row} = TableRow({name}, iter({items}), {length}, {cols})"),
                            Static('<tr class="row1">\n'),
                            Repeat(f"{item} in {row}", cell),
                            Static("</tr>\n"),
                        ],
                    )
                ]
            ),
        ]

    def _break(self, _: BreakNode) -> list[Op]:
        return [Jump("break")] if self._loops else [Statement("again()")]

    def _continue(self, _: ContinueNode) -> list[Op]:
        if not self._loops:
            return [Statement("again()")]
        flag = self._loops[-1]
        return [Jump("continue")] if flag == "for" else [Statement(f"{flag} = False"), Jump("break")]

    def _assign(self, node: AssignNode) -> list[Op]:
        self.expressions.needs_context = True
        return [Statement(f"context.assign({str(node.name)!r}, {self.expressions.value(node.expression)})")]

    def _capture(self, node: CaptureNode) -> list[Op]:
        self.expressions.needs_context = True
        text = self.names.fresh()
        value = f"Markup({text})" if self.expressions.autoescape else text
        return [
            Collect(text, self._block(node.block)),
            Statement(f"context.assign({str(node.name)!r}, {value})"),
        ]

    def _ifchanged(self, node: IfChangedNode) -> list[Op]:
        self.expressions.needs_context = True
        text = self.names.fresh()
        return [Collect(text, self._block(node.block)), Choice([(f"context.ifchanged({text})", [Value(text)])])]

    def _cycle(self, node: CycleNode) -> list[Op]:
        self.expressions.needs_context = True
        group = self.expressions.value(node.group) if node.group is not None else "None"
        arguments = ", ".join(self.expressions.value(argument) for argument in node.args)
        code = f"cycled(context, {group}, [{arguments}], grouped={node.group is not None})"
        return [Value(f"{'html_of' if self.expressions.autoescape else 'text_of'}({code})")]

    def _increment(self, node: IncrementNode) -> list[Op]:
        self.expressions.needs_context = True
        return [Value(f"str(context.increment({str(node.name)!r}))")]

    def _decrement(self, node: DecrementNode) -> list[Op]:
        self.expressions.needs_context = True
        return [Value(f"str(context.decrement({str(node.name)!r}))")]

    def _link(self, node: links.LinkNode) -> list[Op]:
        escaped = self.expressions.autoescape
        texts = [inner.text for inner in node.block.nodes if isinstance(inner, ContentNode)]
        if len(texts) == len(node.block.nodes):
            written = "".join(map(runtime.with_newlines, texts))
            url = links.safe_url(unescape(written) if escaped else written)
            if not links.is_web_address(url):
                return [Static(str(escape(url)) if escaped else url)]
            key = f"{node.number}, {url!r}"
            clean = f"clean.get(({key})) or clean_link(state, {key})"
            if not escaped:
                return [Value(f"(linked.get(({key})) or text_link(state, {key}))", clean=clean)]
            name = self.names.fresh()
            code = f"(escaped({name}) if ({name} := linked.get(({key}))) else html_link(state, {key}))"
            return [Value(code, clean=clean)]
        text = self.names.fresh()
        key = f"{node.number}, {text}"
        if escaped:
            value = Value(f"html_link_of(state, {key})", clean=f"clean_html_link_of(state, {key})")
        else:
            # What was tracked before, as a rule in the HTML, was clean as it is.
            clean = f"clean.get(({key})) or clean_link_of(state, {key})"
            value = Value(f"(linked.get(({key})) or text_link_of(state, {key}))", clean=clean)
        return [Collect(text, self._block(node.block)), value]


def _joined(ops: list[Op]) -> list[Op]:
    """Return operations in which no text stands beside a text."""
    joined: list[Op] = []
    for op in ops:
        if isinstance(op, Static) and joined and isinstance(joined[-1], Static):
            joined[-1] = Static(joined[-1].text + op.text)
        else:
            joined.append(op)
    return joined


def objects_of(writer: NodeWriter) -> dict[str, Any]:
    """Return all that generated code may name."""
    return {
        **writer.names.objects,
        "clock": runtime.clock,
        "late": runtime.late,
        "captured": runtime.captured,
        "measure": runtime.measure,
        "measure_octets": runtime.measure_octets,
        "open_context": runtime.open_context,
        "template": writer.template,
        "loop_items": runtime.loop_items,
        "cycled": runtime.cycled,
        "html_of": runtime.html_of,
        "text_of": runtime.text_of,
        "html_link": runtime.html_link,
        "html_link_of": runtime.html_link_of,
        "text_link": runtime.text_link,
        "text_link_of": runtime.text_link_of,
        "clean_link": runtime.clean_link,
        "clean_link_of": runtime.clean_link_of,
        "clean_html_link_of": runtime.clean_html_link_of,
        "note_if_empty": note_if_empty,
        "pixel": links.pixel,
        "preheader": links.hidden_preheader,
        "by_python_liquid": runtime.by_python_liquid,
        "escaped": runtime.escaped,
        "Markup": runtime.Markup,
        "ForLoop": ForLoop,
        "TableRow": TableRow,
        "ONCE": (None,),
    }
