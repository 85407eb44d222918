from core.exceptions import DomainError, InvalidInput


class ContactsError(DomainError):
    """A rule about contacts, lists, fields, segments or imports said no (409)."""


class InvalidContact(InvalidInput):
    """A contact's data can't be used; `fields` names the columns, custom ones as `attributes.<key>`."""


class InvalidSegment(InvalidInput):
    """A segment's definition can't be used; `fields` names the conditions by their path, as in `conditions.0.value`."""


class UnreadableFile(InvalidInput):
    """The file is no CSV that can be read."""


class BadValueError(ValueError):
    """A value doesn't fit its field's type; the text says why."""
