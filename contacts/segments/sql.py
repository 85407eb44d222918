"""SQL with its parameters: text comes from code alone, every value travels as a parameter."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sql:
    """A boolean expression that is never NULL; `%s` in `text` takes `params` in order. The contact's row is `c`."""

    text: str
    params: tuple[Any, ...] = ()

    def negated(self) -> "Sql":
        """The opposite."""
        return Sql(f"NOT ({self.text})", self.params)


TRUE = Sql("TRUE")
FALSE = Sql("FALSE")


def all_of(parts: Iterable[Sql]) -> Sql:
    """True where every part is; true where there is none."""
    return _joined(list(parts), " AND ", TRUE)


def any_of(parts: Iterable[Sql]) -> Sql:
    """True where at least one part is; false where there is none."""
    return _joined(list(parts), " OR ", FALSE)


def _joined(parts: list[Sql], word: str, empty: Sql) -> Sql:
    if not parts:
        return empty
    if len(parts) == 1:
        return parts[0]
    return Sql(word.join(f"({part.text})" for part in parts), tuple(value for part in parts for value in part.params))


def like_escape(text: str) -> str:
    """Return text in which %, _ and backslash stand for themselves in LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
