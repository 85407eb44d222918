from core.exceptions import DomainError


class DeliveryError(DomainError):
    """The ledger's rules forbid this now."""


class MailboxError(DomainError):
    """A mailbox can't do this in its state."""


class ConnectionTestError(DomainError):
    """The mailbox's server could not be used; the message is the diagnosis, `code` the step that failed."""

    status = 422


class SendingDomainError(DomainError):
    """A domain or its keys can't do this in their state."""
