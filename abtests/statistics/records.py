"""A look as it is kept: all that its verdict was made of, so that anybody can make it again to the last digit."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from abtests.statistics.verdicts import Verdict, decide


@dataclass(frozen=True, slots=True)
class Question:
    """What `decide` is asked at a look.  Counts have an entry an arm, `information` and `spent` an entry a look."""

    successes: tuple[int, ...]
    trials: tuple[int, ...]
    lead: float
    information: tuple[float, ...] | None = None
    spent: tuple[float, ...] | None = None
    final: bool = True
    complaints: tuple[int, ...] | None = None
    unsubscribes: tuple[int, ...] | None = None

    def answer(self) -> Verdict:
        """Return the verdict.  Raises ValueError for counts that don't fit each other."""
        return decide(
            self.successes,
            self.trials,
            lead=self.lead,
            information=self.information,
            spent=self.spent,
            final=self.final,
            complaints=self.complaints,
            unsubscribes=self.unsubscribes,
        )

    def as_json(self) -> dict[str, Any]:
        """Return what JSON keeps without a loss (floats are written so that they come back the same)."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Return the question that was stored.  Raises ValueError if it has other names than a question's."""
        names = {field.name for field in fields(cls)}
        if not {"successes", "trials", "lead"} <= set(stored) <= names:
            raise ValueError(f"This is no stored look: {sorted(stored)}.")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        return cls(**values)


def verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON keeps it: a boundary that nothing can reach is null, as JSON has no infinity."""
    return {name: None if value == math.inf else value for name, value in asdict(verdict).items()}
