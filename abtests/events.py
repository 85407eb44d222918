"""What tests announce."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExperimentDecided:
    """Decision: a test is over. `variant_id` goes to the rest, None if nobody may; `kind` is the verdict, or `by_hand`."""

    experiment_id: int
    kind: str
    variant_id: int | None


@dataclass(frozen=True, slots=True)
class BatchReleased:
    """Decision: a part of a test goes out now, to those who belong to it."""

    experiment_id: int
    number: int
