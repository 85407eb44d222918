"""What sequences announces: decisions, told in the transaction that makes them, and facts, told afterwards."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DraftChanging:
    """Somebody is about to change the draft's steps in the builder; whoever forbids that raises a DomainError.

    Announced before the draft is locked, so that a handler may lock what stands above it.
    """

    workspace_id: int
    sequence_id: int
    actor: str
    # Which steps there are stays as it is.
    keeps_steps: bool = False


@dataclass(frozen=True, slots=True)
class WaysEnded:
    """These ways have just ended: all the way (`completed`, or by an `exit` step), or stopped for a reason (`goal`, …)."""

    enrolment_ids: tuple[int, ...]
    outcome: str


@dataclass(frozen=True, slots=True)
class OthersAsked:
    """Fact: a step asks for contacts to be let into another sequence, or, without entry keys, for their ways there to end.

    One fact for both, so that they are done in the order in which they were asked for.
    """

    sequence_id: int
    contact_ids: list[int]
    entry_keys: list[str] | None


@dataclass(frozen=True, slots=True)
class EditOpened:
    """The steps of a published sequence are about to be edited; a handler that raises refuses it."""

    workspace_id: int
    sequence_id: int
