"""A look as it is kept: all that its verdict was made of, so that anybody can make it again to the last digit."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from abtests.statistics.verdicts import Verdict, decide, decide_always_valid, decide_stratified


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked at a look.  Counts have an entry an arm, `information` and `spent` an entry a look.

    `arms` are the indices of those that are compared (None: all), as one that was stopped is not.  With `planned` the rule is that of
    `decide_always_valid`, with strata that of `decide_stratified`, else that of `decide`.
    """

    successes: tuple[int, ...]
    trials: tuple[int, ...]
    lead: float
    information: tuple[float, ...] | None = None
    spent: tuple[float, ...] | None = None
    final: bool = True
    complaints: tuple[int, ...] | None = None
    unsubscribes: tuple[int, ...] | None = None
    arms: tuple[int, ...] | None = None
    planned: int | None = None
    # An entry a stratum (day and time zone) with an entry an arm each.
    strata_successes: tuple[tuple[int, ...], ...] | None = None
    strata_trials: tuple[tuple[int, ...], ...] | None = None

    def compared(self, counts: Sequence[int]) -> list[int]:
        """Return the counts of the arms that are compared."""
        return list(counts) if self.arms is None else [counts[arm] for arm in self.arms]

    def answer(self) -> Verdict:
        """Return the verdict; `leader` and `blocked` are indices among all arms.  Raises ValueError for counts that don't fit each other."""
        verdict = self._answer()
        if self.arms is None:
            return verdict
        leader = None if verdict.leader is None else self.arms[verdict.leader]
        return replace(verdict, leader=leader, blocked=tuple(self.arms[arm] for arm in verdict.blocked))

    def _answer(self) -> Verdict:
        successes, trials = self.compared(self.successes), self.compared(self.trials)
        complaints = None if self.complaints is None else self.compared(self.complaints)
        unsubscribes = None if self.unsubscribes is None else self.compared(self.unsubscribes)
        if self.planned is not None:
            return decide_always_valid(
                successes, trials,
                lead=self.lead, planned=self.planned, final=self.final, complaints=complaints, unsubscribes=unsubscribes,
            )  # fmt: skip
        if self.strata_successes and self.strata_trials:
            return decide_stratified(
                [self.compared(stratum) for stratum in self.strata_successes],
                [self.compared(stratum) for stratum in self.strata_trials],
                lead=self.lead, complaints=complaints, unsubscribes=unsubscribes,
            )  # fmt: skip
        return decide(
            successes,
            trials,
            lead=self.lead,
            information=self.information,
            spent=self.spent,
            final=self.final,
            complaints=complaints,
            unsubscribes=unsubscribes,
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
        return cls(**{name: _as_tuple(value) for name, value in stored.items()})


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(item) for item in value) if isinstance(value, list) else value


def verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON keeps it: a boundary that nothing can reach is null, as JSON has no infinity."""
    return {name: None if value == math.inf else value for name, value in asdict(verdict).items()}
