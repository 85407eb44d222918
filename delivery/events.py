"""What delivery announces.  Facts carry batches, never one message an event."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MessagesAccepted:
    """Fact: the receiving server took these messages of one mailing."""

    mailing_id: int
    message_ids: list[int]
    accepted_at: datetime

    def __post_init__(self) -> None:
        # The fact log stores moments as text.
        moment: object = self.accepted_at
        if isinstance(moment, str):
            object.__setattr__(self, "accepted_at", datetime.fromisoformat(moment))


@dataclass(frozen=True, slots=True)
class MessagesFinished:
    """Fact: these messages will not be sent (again): `state` is failed, skipped, cancelled or unknown."""

    mailing_id: int
    message_ids: list[int]
    state: str


@dataclass(frozen=True, slots=True)
class MailboxPaused:
    """Decision: a mailbox sends nothing until someone resumes it; `reason` is a sentence for people."""

    mailbox_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class MailboxRemoved:
    """Decision: a mailbox is about to go; who still counts on it hands over or refuses."""

    mailbox_id: int


@dataclass(frozen=True, slots=True)
class MailboxResumed:
    """Decision: a mailbox sends again."""

    mailbox_id: int
