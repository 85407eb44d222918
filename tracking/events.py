"""What tracking announces."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HitsRecorded:
    """Fact: opens and clicks of one workspace are in the event store, one chunk of them.

    `event_ids` are new, `reclassed_ids` are older ones that turned out to be a machine's, `message_ids` are the messages of
    both. Contacts who are tracked in totals only have events, but no messages here.
    """

    workspace_id: int
    event_ids: list[int]
    reclassed_ids: list[int]
    message_ids: list[int]


@dataclass(frozen=True, slots=True)
class CustomEventsRecorded:
    """Fact: events of one workspace's contacts, told by name, are in the store.  Handlers may be given several as one."""

    workspace_id: int
    event_ids: list[int]

    @property
    def size(self) -> int:
        """How many events."""
        return len(self.event_ids)

    def joined(self, others: Sequence["CustomEventsRecorded"]) -> "CustomEventsRecorded":
        """Return the events of all as one fact."""
        ids = itertools.chain(self.event_ids, *(other.event_ids for other in others))
        return CustomEventsRecorded(self.workspace_id, list(ids))


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """Fact: a contact asked for no more mail, on the page or by the mail program's button; `message_id` 0 if unknown."""

    workspace_id: int
    contact_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class Resubscribed:
    """Fact: a contact took an unsubscription back on the page."""

    workspace_id: int
    contact_id: int
    message_id: int
