"""What sequences announces: decisions, told in the transaction that makes them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DraftChanging:
    """Somebody is about to change the draft's steps in the builder; whoever forbids that raises a DomainError.

    Announced before the draft is locked, so that a handler may lock what stands above it.
    """

    workspace_id: int
    sequence_id: int
    actor: str
