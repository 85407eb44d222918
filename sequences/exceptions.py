from collections.abc import Sequence

from core.exceptions import DomainError, InvalidInput


class SequenceError(DomainError):
    """The state of the sequence forbids this."""

    code = "sequence_state"


class StaleDraftError(SequenceError):
    """Somebody else has changed the draft since it was read; the message says what, `edits` holds it."""

    code = "stale"

    def __init__(self, edits: Sequence[str]) -> None:
        done = "; ".join(edits) or "The steps were changed"
        super().__init__(f"{done}. Load the page again to see it; your last change was not saved.")
        self.edits = list(edits)


class PublishedMeanwhileError(SequenceError):
    """The draft was published or discarded since the page was made."""

    code = "stale"


class StepError(InvalidInput):
    """The step can't be as it was given."""


class CannotAskError(DomainError):
    """What a step asks about is gone."""

    code = "cannot_ask"
