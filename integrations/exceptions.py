from core.exceptions import DomainError, InvalidInput


class KeyReusedError(InvalidInput):
    """The Idempotency-Key was used for another request."""

    code = "idempotency_key_reused"


class RequestUnderWayError(DomainError):
    """The first request with this Idempotency-Key has not been answered yet."""

    code = "request_under_way"
