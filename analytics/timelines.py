"""What happened to a message or a contact, newest first, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from delivery import selectors as delivery
from delivery.models import Link, Message
from tracking.models import Event, EventKind, Verdict
from tracking.selectors import events_of, verdict_sentence

# The ledger keeps only the first open and click; the event store tells each of them, with its verdict.
TOLD_BY_EVENTS = {"opened", "clicked", "unsubscribed"}

LOOKS = {
    "queued": ("mail", "mute"),
    "accepted": ("send", "ok"),
    "deferred": ("clock", "warn"),
    "failed": ("alert-triangle", "bad"),
    "skipped": ("ban", "mute"),
    "cancelled": ("ban", "mute"),
    "unknown": ("help-circle", "warn"),
    "bounced": ("alert-triangle", "bad"),
    "complained": ("flag", "bad"),
    "replied": ("message", "ok"),
}
HITS = {
    EventKind.OPENED: ("mail-opened", "Opened"),
    EventKind.CLICKED: ("click", "Clicked"),
    EventKind.UNSUBSCRIBED: ("user-minus", "Unsubscribed"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a timeline: what happened, when, a sentence that explains it, and the message it is about."""

    at: datetime
    icon: str
    tone: str
    title: str
    detail: str
    message: Message


def timeline_of(messages: Sequence[Message]) -> list[Entry]:
    """Return everything known about `messages`, newest first; a fixed number of queries, however many messages."""
    by_id = {message.pk: message for message in messages}
    events = list(events_of(message_ids=list(by_id)))
    link_ids = {event.link_id for event in events if event.link_id}
    urls = dict(Link.objects.filter(pk__in=link_ids).values_list("pk", "url"))
    entries = [
        Entry(moment.at, *LOOKS[moment.kind], moment.title, moment.detail, by_id[moment.message_id])
        for moment in delivery.timelines(messages)
        if moment.kind not in TOLD_BY_EVENTS
    ]
    entries += [_entry(event, urls, by_id[event.message_id]) for event in events if event.message_id]
    # Not reverse=True, which would keep what happened at the same moment oldest first.
    return sorted(entries, key=lambda entry: entry.at)[::-1]


def _entry(event: Event, urls: dict[int, str], message: Message) -> Entry:
    icon, title = HITS[EventKind(event.kind)]
    url = urls.get(event.link_id, "") if event.link_id else ""
    detail = " · ".join(filter(None, (url, verdict_sentence(event.reason))))
    if event.verdict == Verdict.MACHINE:
        return Entry(event.occurred_at, icon, "mute", f"{title} by a machine", detail, message)
    tone = "warn" if event.kind == EventKind.UNSUBSCRIBED else "info"
    return Entry(event.occurred_at, icon, tone, title, detail, message)
