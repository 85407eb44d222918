"""What can be wrong with a template, and where in the author's own source."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

from core.exceptions import InvalidInput

Part = Literal["subject", "preheader", "source", "text_source"]
PART_NAMES: dict[Part, str] = {
    "subject": "Subject",
    "preheader": "Preheader",
    "source": "Source",
    "text_source": "Plain text",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault or warning; `line` and `column` count from 1 in the part as its author wrote it."""

    part: Part
    line: int
    column: int
    message: str
    code: str = "invalid"
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{PART_NAMES[self.part]}, line {self.line}, column {self.column}: {self.message}"


class TemplateError(InvalidInput):
    """The template can't be compiled; `problems` says where, in the order of the source."""

    code = "template_invalid"

    def __init__(self, problems: list[Problem]) -> None:
        fields: dict[str, list[str]] = {}
        for problem in problems:
            where = f"line {problem.line}, column {problem.column}: "
            fields.setdefault(problem.part, []).append(where + problem.message)
        super().__init__(str(problems[0]), fields=fields)
        self.problems = problems


class RenderError(InvalidInput):
    """A context can't be rendered; `problem` says where, if it is known."""

    code = "render_failed"

    def __init__(self, message: str, part: Part, *, line: int = 0, column: int = 0) -> None:
        where = f", line {line}, column {column}" if line else ""
        super().__init__(f"{PART_NAMES[part]}{where}: {message}", fields={part: [message]})
        self.part = part
        self.problem = Problem(part, line or 1, column or 1, message, code=self.code)


class Positions:
    """Lines and columns of the offsets of one source."""

    def __init__(self, source: str) -> None:
        self._starts = [0]
        at = source.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = source.find("\n", at + 1)

    def at(self, offset: int) -> tuple[int, int]:
        """Return the line and column, both from 1, of an offset."""
        line = bisect_right(self._starts, max(offset, 0))
        return line, max(offset, 0) - self._starts[line - 1] + 1
