"""What a pre-flight check found: one finding a code and subject, counted, with a few examples."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

Level = Literal["error", "warning", "info"]
LEVELS: tuple[Level, ...] = ("error", "warning", "info")
MAX_EXAMPLES = 5


@dataclass(slots=True)
class Finding:
    """`code` is stable; `subject` tells findings of one code apart (a merge field, a step); `examples` are contacts.

    Errors block the launch, warnings must be confirmed.  `section` is the part of the campaign where it is mended.
    `at` is the moment that the message names, in ISO 8601; "" if it names none.
    """

    code: str
    level: Level
    message: str
    subject: str = ""
    section: str = "email"
    count: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)
    at: str = ""


class Findings:
    """The findings of a check so far; goes to JSON and back, so that another worker can go on with it."""

    def __init__(self, found: list[Finding] | None = None) -> None:
        self._found = {(finding.code, finding.subject): finding for finding in found or []}

    @classmethod
    def load(cls, rows: list[dict[str, Any]]) -> Self:
        """Return what `dump` wrote."""
        return cls([Finding(**row) for row in rows])

    def dump(self) -> list[dict[str, Any]]:
        """Return JSON, the worst first."""
        ordered = sorted(self._found.values(), key=lambda finding: LEVELS.index(finding.level))
        return [asdict(finding) for finding in ordered]

    def add(
        self,
        code: str,
        level: Level,
        message: str,
        *,
        subject: str = "",
        section: str = "email",
        count: int = 0,
        example: dict[str, Any] | None = None,
        at: datetime | None = None,
    ) -> None:
        """Note a finding, or one more case of it; the first message and the first examples stay."""
        moment = at.isoformat() if at is not None else ""
        finding = self._found.setdefault(
            (code, subject), Finding(code, level, message, subject=subject, section=section, at=moment)
        )
        finding.count += count
        if example is not None and len(finding.examples) < MAX_EXAMPLES:
            finding.examples.append(example)

    def raise_level(self, code: str, level: Level) -> None:
        """Change the level of all findings of a code."""
        for finding in self._found.values():
            if finding.code == code:
                finding.level = level

    def count_of(self, code: str) -> int:
        """Return how many cases of a code there are."""
        return sum(finding.count for finding in self._found.values() if finding.code == code)
