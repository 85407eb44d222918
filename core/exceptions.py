"""What every edge (web, API, admin, commands) knows how to show."""

from collections.abc import Mapping, Sequence


class DomainError(Exception):
    """A rule of the domain said no; the message is for the person who asked.

    `code` is stable and machine-readable; `fields` maps input fields to their messages; `status` is the HTTP status.
    """

    code = "conflict"
    status = 409

    def __init__(
        self, message: str, *, code: str | None = None, fields: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.fields: dict[str, list[str]] = {name: list(messages) for name, messages in (fields or {}).items()}


class InvalidInput(DomainError):  # noqa: N818 - reads as what happened
    """The input can't be used as it is; `fields` says where."""

    code = "invalid"
    status = 422


class NotFound(DomainError):  # noqa: N818 - reads as what happened
    """The thing isn't there, or not in this workspace: the two must look alike."""

    code = "not_found"
    status = 404


class Forbidden(DomainError):  # noqa: N818 - reads as what happened
    """The member's role or the token's scopes don't allow this."""

    code = "forbidden"
    status = 403
