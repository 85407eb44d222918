"""What contacts announces: decisions, told in the transaction that made them, always in batches."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AddressesSuppressed:
    """These addresses (by key) get no more mail from this workspace."""

    workspace_id: int
    email_keys: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ContactsDeleted:
    """These contacts are about to go, with everything that points at them."""

    workspace_id: int
    contact_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ListEntered:
    """These contacts are in the list and weren't before: put into it by hand, a program, a form or an import."""

    list_id: int
    contact_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ListDeleted:
    """A list is about to go; a handler that can't do without it raises a DomainError."""

    workspace_id: int
    list_id: int
    name: str


@dataclass(frozen=True, slots=True)
class SegmentDeleted:
    """A segment is about to go; a handler that can't do without it raises a DomainError."""

    workspace_id: int
    segment_id: int
    name: str
