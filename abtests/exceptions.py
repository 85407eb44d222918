from core.exceptions import DomainError


class ExperimentError(DomainError):
    """The state of the experiment forbids this."""

    code = "experiment_state"
