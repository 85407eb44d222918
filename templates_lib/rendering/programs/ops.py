"""What a template does, between Liquid's syntax tree and Python: texts, values, choices, loops.

Code in here is Python source made of generated names, `repr` of constants and nothing else; texts of authors and contacts
are only ever constants or values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Static:
    """A text that is the same for everyone."""

    text: str


@dataclass(slots=True)
class Value:
    """A Python expression whose result, a `str`, is written as it is; `optional`: as a rule it is empty for some.

    `clean` is one that gives the same if it gives anything, and then as printable ASCII without spaces.
    """

    code: str
    optional: bool = False
    clean: str = ""


@dataclass(slots=True)
class Statement:
    """A line of Python that writes nothing."""

    line: str


@dataclass(slots=True)
class Choice:
    """The first arm whose condition holds, else `otherwise`."""

    arms: list[tuple[str, list[Op]]]
    otherwise: list[Op] = field(default_factory=list)


@dataclass(slots=True)
class Repeat:
    """A Python `for` over `head`; `once` is a loop of one round, which jumps leave."""

    head: str
    body: list[Op]
    once: bool = False


@dataclass(slots=True)
class Jump:
    """`break` or `continue` of the nearest Python loop."""

    kind: Literal["break", "continue"]


@dataclass(slots=True)
class Collect:
    """Keeps what `body` writes, as text, in the variable `target`."""

    target: str
    body: list[Op]


type Op = Static | Value | Statement | Choice | Repeat | Jump | Collect
