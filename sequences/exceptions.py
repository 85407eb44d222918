from core.exceptions import DomainError, InvalidInput


class SequenceError(DomainError):
    """The state of the sequence forbids this."""

    code = "sequence_state"


class StepError(InvalidInput):
    """The step can't be as it was given."""


class CannotAskError(DomainError):
    """What a step asks about is gone."""

    code = "cannot_ask"
