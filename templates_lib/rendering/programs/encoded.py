"""Parts written as octets of a transfer encoding, their static texts encoded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from templates_lib.rendering.programs.emit import Written
from templates_lib.rendering.programs.flow import START, TooManyWaysError, Way, ends_line, flow_of
from templates_lib.rendering.programs.ops import Op, Static, Value
from templates_lib.rendering.programs.program import Plan, Program


class Encoding(Protocol):
    """How pieces of a part become octets, each octet a character below U+0100.

    Pieces are encoded one by one: what comes of them, joined, is the encoded part.
    """

    @property
    def functions(self) -> Mapping[str, Callable[[str], str]]:
        """What encodes values, by name; may raise anything, then the part is not encoded by pieces."""

    @property
    def usual(self) -> Mapping[str, str]:
        """Python, by the name of a function, for whether it gives back its argument: first met as `{0}`, then named `{1}`.

        It holds for all printable ASCII that begins with a letter and has no space.
        """

    @property
    def marks_line_starts(self) -> bool:
        """Whether a text is written otherwise at the beginning of a line."""

    def static(self, text: str, *, starts_line: bool) -> str:
        """Return a text encoded."""

    def function(self, *, starts_line: bool, full: bool) -> str:
        """Return the name of the function for a value.

        `starts_line`: it may stand at the beginning of a line; `full`: it must neither be empty, nor begin or end with white
        space, nor be changed by `text.tidy_inside`, else the function raises.
        """


def encode(plan: Plan, encoding: Encoding, *, tidied: bool) -> Program | None:
    """Return the part as a function that writes octets, or None where that can't be decided without knowing the values.

    Raises TooLargeError.
    """
    for full_values in (True,) if tidied else (False, True):
        try:
            writer = _Pieces(plan.ops, encoding, tidied=tidied, full_values=full_values)
            return plan.encoded_program(writer, encoding.functions)
        except TooManyWaysError:
            continue
    return None


class _Pieces:
    measure = "measure_octets"

    def __init__(self, ops: list[Op], encoding: Encoding, *, tidied: bool, full_values: bool) -> None:
        self._encoding = encoding
        self._values = 0
        self._full = full_values
        self._flow = flow_of(ops, tidied=tidied, full_values=full_values)
        self.first_tail = START if any(len(set(_texts(ways))) > 1 for ways in self._flow.ways.values()) else None

    def static(self, op: Static) -> Written:
        ways = self._flow.ways.get(id(op))
        if not ways:
            return Written("")  # nothing leads there
        texts = _texts(ways)
        rest = _common_end(texts)
        leads = {tail: way.text[: len(way.text) - len(rest)] for tail, way in ways.items()}
        starts = {ends_line(lead[-1:] or tail) for tail, lead in leads.items()}
        if len(starts) > 1 and rest.startswith(".") and self._encoding.marks_line_starts:
            raise TooManyWaysError
        return Written(
            self._encode(rest, starts_line=starts.pop()),
            {tail: self._encode(lead, starts_line=ends_line(tail)) for tail, lead in leads.items()},
            {tail: way.tail for tail, way in ways.items()},
        )

    def value(self, op: Value) -> str:
        full = self._full and not op.optional
        function = self._encoding.function(starts_line=self._flow.may_start_line(op), full=full)
        usual = self._encoding.usual.get(function)
        if usual is None:
            return f"{function}({op.code})"
        self._values += 1
        name = f"v{self._values}"
        code = f"({name} if {usual.format(f'({name} := {op.code})', name)} else {function}({name}))"
        return f"({op.clean} or {code})" if op.clean else code

    def _encode(self, text: str, *, starts_line: bool) -> str:
        return self._encoding.static(text, starts_line=starts_line) if text else ""


def _texts(ways: Mapping[str, Way]) -> list[str]:
    return [way.text for way in ways.values()]


def _common_end(texts: list[str]) -> str:
    first, *others = texts
    length = 0
    while length < len(first) and all(text.endswith(first[len(first) - length - 1 :]) for text in others):
        length += 1
    return first[len(first) - length :]
