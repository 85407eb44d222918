"""What can go wrong with an embedded service."""


class EmbeddedServiceError(Exception):
    """An embedded server cannot be prepared, started or stopped; the text says which and why."""
