"""What can stand before each text and value, whatever the values and choices are.

The state is the white space that what was written so far ends in, one string for each way to get there; `START` stands for
nothing written yet. Values may be empty, and end a line, unless they are known to be full (all but optional ones).

In a tidied part the white space of static texts is tidied on the way; where it depends on the way taken, the text is written
in one of several ways, and the program remembers what it wrote last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from templates_lib.rendering.programs.ops import Choice, Collect, Jump, Op, Repeat, Statement, Static, Value
from templates_lib.rendering.text import tidy_inside

START = "\0"
_MOST_STATES = 12
_LONGEST_TAIL = 60

type State = frozenset[str]


class TooManyWaysError(Exception):
    """The ways through a part are too many, or one of them would have to take back what is written."""


class Way(NamedTuple):
    """A static text as it is written, and the white space that it then all ends in."""

    text: str
    tail: str


@dataclass(slots=True)
class Flow:
    """What may stand before each static text and value, by its identity."""

    before: dict[int, State] = field(default_factory=dict)
    ways: dict[int, dict[str, Way]] = field(default_factory=dict)
    """How each static text is written, by what stands before it."""

    def may_start_line(self, op: Value) -> bool:
        """Tell whether a value can stand at the beginning of a line."""
        return any(ends_line(tail) for tail in self.before.get(id(op), ()))


def flow_of(ops: list[Op], *, tidied: bool, full_values: bool) -> Flow:
    """Return the flow through a part; `full_values`: none is empty.  Raises TooManyWaysError."""
    walk = _Walk(tidied=tidied, full_values=full_values)
    ends = walk.through(ops, frozenset({START}))
    if tidied and ends != {"\n"}:
        raise TooManyWaysError
    return walk.settled()


class _Walk:
    def __init__(self, *, tidied: bool, full_values: bool) -> None:
        self._flow = Flow()
        self._statics: dict[int, Static] = {}
        self._tidied = tidied
        self._full_values = full_values
        self._breaks: list[set[str]] = []
        self._continues: list[set[str]] = []

    def settled(self) -> Flow:
        """Return the flow with the ways in which each static text is written."""
        for key, op in self._statics.items():
            self._flow.ways[key] = {tail: self._written(tail, op.text) for tail in self._flow.before[key]}
        return self._flow

    def through(self, ops: list[Op], state: State) -> State:
        """Return what stands behind operations when `state` stands before them."""
        for op in ops:
            match op:
                case Static():
                    self._statics[id(op)] = op
                    self._see(op, state)
                    state = _capped(frozenset(self._written(tail, op.text).tail for tail in state))
                case Value():
                    self._see(op, state)
                    state = self._value(op, state)
                case Choice():
                    ways = [self.through(body, state) for _, body in op.arms]
                    state = _capped(self.through(op.otherwise, state).union(*ways))
                case Repeat():
                    state = self._repeat(op, state)
                case Jump():
                    (self._breaks if op.kind == "break" else self._continues)[-1].update(state)
                    state = frozenset()  # nothing comes after
                case Statement() | Collect():
                    pass
        return state

    def _value(self, op: Value, state: State) -> State:
        if not state:
            return state  # nothing leads there
        if op.optional and self._tidied:
            raise TooManyWaysError
        if self._full_values:
            return _capped(state | {""}) if op.optional else frozenset({""})
        return _capped(state | {"", "\n"})

    def _repeat(self, op: Repeat, state: State) -> State:
        entry = state
        while True:
            self._breaks.append(set())
            self._continues.append(set())
            after = self.through(op.body, entry)
            breaks, continues = self._breaks.pop(), self._continues.pop()
            ended = _capped(after | continues)
            if op.once:
                return _capped(ended | breaks)
            if ended <= entry:
                return _capped(entry | breaks)
            entry = _capped(entry | ended)

    def _see(self, op: Static | Value, state: State) -> None:
        self._flow.before[id(op)] = self._flow.before.get(id(op), frozenset()) | state

    def _written(self, tail: str, text: str) -> Way:
        if not self._tidied:
            return Way(text, _tail(tail, text))
        if tail == START:
            written = tidy_inside(text.lstrip() + "x")[:-1]
            return Way(written, _tail("", written) if written else START)
        whole = tidy_inside(f"x{tail}{text}x")[1:-1]
        if not whole.startswith(tail):
            raise TooManyWaysError
        written = whole[len(tail) :]
        return Way(written, _tail(tail, written))


def ends_line(tail: str) -> bool:
    """Tell whether what comes after a tail begins a line."""
    return tail == START or tail.endswith("\n")


def _tail(before: str, text: str) -> str:
    own = text[len(text.rstrip()) :]
    return before + own if len(own) == len(text) else own


def _capped(state: State) -> State:
    if len(state) > _MOST_STATES or any(len(tail) > _LONGEST_TAIL for tail in state):
        raise TooManyWaysError
    return state
