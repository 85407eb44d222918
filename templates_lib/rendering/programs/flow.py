"""What can stand before each static text, whatever the values and choices are.

The state is the white space that what was written so far ends in, one string for each way to get there. `START` stands for
nothing written yet. A value writes something that ends in none, or, unless values are known to be full, nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from templates_lib.rendering.programs.ops import Choice, Collect, Jump, Op, Repeat, Statement, Static, Value

START = "\0"
_MOST_STATES = 12
_LONGEST_TAIL = 60

type State = frozenset[str]


class TooManyWaysError(Exception):
    """The ways through a template are too many to tell them apart."""


@dataclass(slots=True)
class Flow:
    """`before` says for each static text and value, by its identity, what may stand before it; `end` what the part ends in."""

    before: dict[int, State] = field(default_factory=dict)
    end: State = frozenset()

    def starts_line(self, op: Static | Value) -> bool | None:
        """Tell whether an operation is at the beginning of a line: always, never, or None for sometimes."""
        answers = {tail == START or tail.endswith("\n") for tail in self.before.get(id(op), ())}
        return answers.pop() if len(answers) == 1 else (None if answers else False)


def flow_of(ops: list[Op], *, full_values: bool) -> Flow:
    """Return the flow through a part; `full_values`: none is empty.  Raises TooManyWaysError."""
    walk = _Walk(full_values=full_values)
    walk.flow.end = walk.through(ops, frozenset({START}))
    return walk.flow


class _Walk:
    def __init__(self, *, full_values: bool) -> None:
        self.flow = Flow()
        self._full_values = full_values
        self._breaks: list[set[str]] = []
        self._continues: list[set[str]] = []

    def through(self, ops: list[Op], state: State) -> State:
        for op in ops:
            match op:
                case Static():
                    self._see(op, state)
                    state = _capped(frozenset(_tail(tail, op.text) for tail in state))
                case Value():
                    self._see(op, state)
                    none = frozenset({""}) if state else state
                    state = none if self._full_values else _capped(none | state)
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
        self.flow.before[id(op)] = self.flow.before.get(id(op), frozenset()) | state


def _tail(before: str, text: str) -> str:
    own = text[len(text.rstrip()) :]
    return before + own if len(own) == len(text) else own


def _capped(state: State) -> State:
    if len(state) > _MOST_STATES or any(len(tail) > _LONGEST_TAIL for tail in state):
        raise TooManyWaysError
    return state
