"""Liquid's expressions as Python's."""

from __future__ import annotations

from typing import Any

from liquid import Markup
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions import logical as logic
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.primitive import (
    Blank,
    Empty,
    FalseLiteral,
    FloatLiteral,
    IntegerLiteral,
    Literal,
    Nil,
    RangeLiteral,
    StringLiteral,
    TrueLiteral,
)
from liquid.expression import Expression
from liquid.token import Token
from liquid.undefined import Undefined

from templates_lib.rendering.environment import SafeEnvironment, SafeTemplate
from templates_lib.rendering.programs import runtime
from templates_lib.rendering.programs.scope import FORLOOP_CODE, LoopNames, Names, Survey, UntranslatableError

_SPECIAL_ITEMS = frozenset({"size", "first", "last"})
_COMPARISONS: dict[type[Expression], str] = {
    logic.EqExpression: "equal({left}, {right})",
    logic.NeExpression: "(not equal({left}, {right}))",
    logic.LtExpression: "less({token}, {left}, {right})",
    logic.GtExpression: "less({token}, {right}, {left})",
    logic.LeExpression: "at_most({left}, {right})",
    logic.GeExpression: "at_most({right}, {left})",
    logic.ContainsExpression: "contains({token}, {left}, {right})",
}
_TRUTHY = (StringLiteral, IntegerLiteral, FloatLiteral, RangeLiteral, Empty, Blank, TrueLiteral)


class ExpressionWriter:
    """Writes expressions; what it writes has no effect but its value, and evaluates names once or more in any order."""

    def __init__(self, template: SafeTemplate, survey: Survey) -> None:
        self.env: SafeEnvironment = template.env  # type: ignore[assignment]  # ours, by construction
        self.autoescape: bool = self.env.autoescape
        self.survey = survey
        self.names = Names()
        self.scope: dict[str, str | LoopNames] = {}
        self.needs_context = survey.continues
        self.token: Token | None = None
        self.names.objects.update(
            equal=logic._eq,  # noqa: SLF001
            less=logic._lt,  # noqa: SLF001
            at_most=logic._le,  # noqa: SLF001
            contains=logic._contains,  # noqa: SLF001
            Undefined=Undefined,
            again=runtime.again,
            item=runtime.Items(template),
            missing=object(),
        )

    def value(self, expression: Any) -> str:
        """Return Python for a value.  Raises UntranslatableError."""
        kind = type(expression)
        if kind is Path:
            return self._path(expression)
        if kind is FilteredExpression:
            return self._filtered(expression)
        if kind is StringLiteral:
            return self.names.constant(Markup(expression.value)) if self.autoescape else repr(str(expression.value))
        if kind in (IntegerLiteral, FloatLiteral):
            return self.names.constant(expression.value)
        if kind in (TrueLiteral, FalseLiteral, Nil):
            return {TrueLiteral: "True", FalseLiteral: "False", Nil: "None"}[kind]
        if kind in (Empty, Blank):
            return self.names.constant(expression)
        if isinstance(expression, RangeLiteral):
            start, stop = self.value(expression.start), self.value(expression.stop)
            return f"{self.names.constant(expression)}._make_range({start}, {stop})"
        return self.condition(expression)

    def condition(self, expression: Any) -> str:
        """Return Python for the truth of an expression.  Raises UntranslatableError."""
        kind = type(expression)
        if kind is logic.BooleanExpression:
            return self.condition(expression.expression)
        if kind is logic.LogicalAndExpression:
            return f"({self.condition(expression.left)} and {self.condition(expression.right)})"
        if kind is logic.LogicalOrExpression:
            return f"({self.condition(expression.left)} or {self.condition(expression.right)})"
        if kind is logic.LogicalNotExpression:
            return f"(not {self.condition(expression.right)})"
        if kind in _COMPARISONS:
            return self._comparison(expression)
        if kind in (FalseLiteral, Nil):
            return "False"
        if isinstance(expression, _TRUTHY):
            return "True"
        if kind in (Path, FilteredExpression):
            name = self.names.fresh()
            value = self.value(expression)
            return f"(({name} := {value}) is not None and {name} is not False and type({name}) is not Undefined)"
        raise UntranslatableError(kind.__name__)

    def output(self, expression: Expression) -> str:
        """Return Python for a value as text, escaped where the template is HTML."""
        name = self.names.fresh()
        escaped, general = (f"escaped({name})", "html_of") if self.autoescape else (name, "text_of")
        return f"({escaped} if type({name} := {self.value(expression)}) is str else {general}({name}))"

    def _path(self, path: Path) -> str:
        root, *rest = path.path
        if not isinstance(root, str):
            raise UntranslatableError("a name that is looked up by another")
        bound = self.scope.get(root)
        if isinstance(bound, LoopNames):
            (attribute,) = rest  # the survey lets only simple ones get here
            bound.uses_index = bound.uses_index or "{i}" in FORLOOP_CODE[str(attribute)]
            return FORLOOP_CODE[str(attribute)].format(i=bound.index, n=bound.length)
        code = bound if bound is not None else self._root(root)
        undefined = self.names.root(root)[1]
        for segment in rest:
            code = self._item(code, segment, undefined)
        return code

    def _root(self, root: str) -> str:
        if root == "partial":
            return "False"  # python-liquid's own name for whether a template is included
        code, undefined = self.names.root(root)
        if root in self.survey.counted:
            self.needs_context = True
            code = f"({code} if {code} is not {undefined} else counters.get({root!r}, {undefined}))"
        if root in self.survey.assigned:
            self.needs_context = True
            name = self.names.fresh()
            code = f"({name} if ({name} := assigned.get({root!r}, missing)) is not missing else {code})"
        return code

    def _item(self, code: str, segment: Any, undefined: str) -> str:
        if isinstance(segment, Path):
            return f"item({code}, {self._path(segment)}, {undefined})"
        key = repr(str(segment)) if isinstance(segment, str) else repr(int(segment))
        if isinstance(segment, str) and segment not in _SPECIAL_ITEMS:
            name = self.names.fresh()
            return f"({name}.get({key}, {undefined}) if type({name} := {code}) is dict else item({name}, {key}, {undefined}))"
        return f"item({code}, {key}, {undefined})"

    def _comparison(self, expression: Any) -> str:
        kind = type(expression)
        parts = {
            "left": self.value(expression.left),
            "right": self.value(expression.right),
            "token": self.names.constant(expression.token),
        }
        if kind in (logic.EqExpression, logic.NeExpression) and type(expression.right) is StringLiteral:
            name = self.names.fresh()
            operator = "==" if kind is logic.EqExpression else "!="
            quick = f"{name} {operator} {str(expression.right.value)!r}"
            general = _COMPARISONS[kind].format(**{**parts, "left": name})
            return f"({quick} if type({name} := {parts['left']}) is str else {general})"
        return _COMPARISONS[kind].format(**parts)

    def _filtered(self, expression: FilteredExpression) -> str:
        code = self.value(expression.left)
        for filter_ in expression.filters or ():
            code = self._filter(filter_, code)
        return code

    def _filter(self, filter_: Filter, left: str) -> str:
        function = self.env.filters[filter_.name]
        positional = [self.value(argument.value) for argument in filter_.args if not getattr(argument, "name", None)]
        keywords: dict[str, str] = {}
        if getattr(function, "with_context", False):
            self.needs_context = True
            keywords["context"] = "context"
        if getattr(function, "with_environment", False):
            keywords["environment"] = self.names.constant(self.env)
        for argument in filter_.args:
            if name := getattr(argument, "name", None):
                keywords[str(name)] = self.value(argument.value)
        value = self.names.fresh()
        quick = filter_.name == "default" and _is_plain_default(filter_)
        arguments = [value if quick else left, *positional]
        if keywords:
            arguments.append("**{" + ", ".join(f"{name!r}: {code}" for name, code in keywords.items()) + "}")
        call = f"{self.names.constant(function)}({', '.join(arguments)})"
        timed = f"({call} if clock() <= deadline else late({self.names.constant(self.token)}))"
        if quick:
            # Python-liquid's gives back every text that is not empty.
            return f"({value} if type({value} := {left}) is str and {value} else {timed})"
        return timed


def _is_plain_default(filter_: Filter) -> bool:
    """Tell whether a default has arguments that it takes and that can't fail."""
    names = [getattr(argument, "name", None) for argument in filter_.args]
    return (
        names.count(None) <= 1
        and set(names) <= {None, "allow_false"}
        and all(isinstance(argument.value, Literal | Nil | Path) for argument in filter_.args)
    )
