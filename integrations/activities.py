"""The feed of everything that happened, one activity for each message or event that a fact speaks of.

A fact carries a batch (`message_ids=[…]`); the feed expands it, so that a CRM gets one line for each person. A cursor is
the position of a fact and how many of its activities were read: `812.40`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.models import Campaign
from contacts.models import Contact
from core.exceptions import InvalidInput
from core.models import Fact
from delivery.models import Link, Message
from integrations import selectors
from sequences import selectors as sequences
from team.models import Workspace
from tracking.models import Event, EventKind, Verdict
from tracking.selectors import events_by_id

LATEST = "latest"
FACTS_A_READ = 100
READS_A_PAGE = 20

_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,9})")


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """How far a reader has come: `count` activities of the fact at `position`, and all of the facts before it."""

    position: int = 0
    count: int = 0

    def __str__(self) -> str:
        return f"{self.position}.{self.count}"


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that happened to one contact, or to nobody in particular."""

    id: str
    type: str
    occurred_at: datetime
    contact: dict[str, Any] | None = None
    campaign: dict[str, Any] | None = None
    message: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page of the feed; `cursor` goes on from here, also when there is nothing new yet."""

    activities: list[Activity]
    cursor: Cursor
    has_more: bool


@dataclass(frozen=True, slots=True)
class _Item:
    """What one activity is about, before its names are looked up."""

    fact: Fact
    number: int
    type: str
    message_id: int | None = None
    event_id: int | None = None
    contact_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


def read_cursor(workspace: Workspace, text: str) -> Cursor:
    """Turn the parameter `after` into a cursor: empty is the beginning, `latest` is now.  Raises InvalidInput."""
    if not text:
        return Cursor()
    if text == LATEST:
        return Cursor(selectors.last_position(workspace), 0)
    match = _CURSOR.fullmatch(text)
    if match is None:
        message = "This is not a cursor of this feed. Leave it out to start from the beginning."
        raise InvalidInput(message, fields={"after": [message]})
    return Cursor(int(match[1]), int(match[2]))


def read_feed(workspace: Workspace, *, after: Cursor, limit: int) -> FeedPage:
    """Return up to `limit` activities that follow the cursor, in the order of their facts.

    A page reads a bounded number of facts, and costs a fixed number of queries for the names, however large the batches.
    """
    items: list[_Item] = []
    cursor, has_more = after, True
    for _ in range(READS_A_PAGE):
        facts = selectors.facts_from(workspace, position=cursor.position, limit=FACTS_A_READ)
        for fact in facts:
            position = fact.position or 0
            parts = list(_items(fact))
            start = cursor.count if position == cursor.position else 0
            taken = parts[start : start + limit - len(items)]
            items += taken
            cursor = Cursor(position, start + len(taken))
            if cursor.count < len(parts):
                return FeedPage(_named(workspace, items), cursor, has_more=True)
        has_more = len(facts) == FACTS_A_READ
        if not has_more or len(items) >= limit:
            break
    return FeedPage(_named(workspace, items), cursor, has_more)


def _items(fact: Fact) -> Iterator[_Item]:
    payload = fact.payload
    match fact.kind:
        case "delivery.MessagesAccepted":
            parts = [("message.accepted", {"message_id": pk}) for pk in payload["message_ids"]]
        case "delivery.MessagesFinished":
            parts = [(f"message.{payload['state']}", {"message_id": pk}) for pk in payload["message_ids"]]
        case "tracking.HitsRecorded":
            parts = [("", {"event_id": pk}) for pk in payload["event_ids"]]
            parts += [("message.reclassified", {"event_id": pk}) for pk in payload["reclassed_ids"]]
        case "tracking.Unsubscribed" | "tracking.Resubscribed":
            kind = f"contact.{fact.kind.rpartition('.')[2].lower()}"
            ids = {"message_id": payload["message_id"] or None, "contact_id": payload["contact_id"]}
            parts = [(kind, ids)]
        case _:
            parts = [(fact.kind, {"data": payload})]
    return (_Item(fact, number, kind, **ids) for number, (kind, ids) in enumerate(parts, start=1))


@dataclass(frozen=True, slots=True)
class _Names:
    """Everything that the items of one page refer to, by id."""

    events: dict[int, Event]
    messages: dict[int, Message]
    contacts: dict[int, dict[str, Any]]
    campaigns: dict[int, dict[str, Any]]
    links: dict[int, str]


def _named(workspace: Workspace, items: list[_Item]) -> list[Activity]:
    names = _look_up(workspace, items)
    activities = (_activity(item, names) for item in items)
    return [activity for activity in activities if activity is not None]


def _look_up(workspace: Workspace, items: list[_Item]) -> _Names:
    event_ids = [item.event_id for item in items if item.event_id is not None]
    events = {event.pk: event for event in events_by_id(workspace.pk, event_ids)}
    message_ids = _ids(item.message_id for item in items) | _ids(event.message_id for event in events.values())
    messages = Message.objects.filter(workspace=workspace).in_bulk(message_ids)
    contact_ids = (
        _ids(item.contact_id for item in items)
        | _ids(event.contact_id for event in events.values())
        | _ids(message.contact_id for message in messages.values())
    )
    contacts = Contact.objects.filter(workspace=workspace, pk__in=contact_ids).values("id", "email")
    mailing_ids = _ids(event.mailing_id for event in events.values()) | _ids(m.mailing_id for m in messages.values())
    links = Link.objects.filter(mailing_id__in=mailing_ids, pk__in=_ids(event.link_id for event in events.values()))
    return _Names(
        events=events,
        messages=messages,
        contacts={contact["id"]: dict(contact) for contact in contacts},
        campaigns=_campaigns(workspace, mailing_ids),
        links=dict(links.values_list("pk", "url")),
    )


def _campaigns(workspace: Workspace, mailing_ids: set[int]) -> dict[int, dict[str, Any]]:
    owners = sequences.sequences_by_mailing(mailing_ids)
    campaigns = Campaign.objects.filter(workspace=workspace, sequence__in=set(owners.values()))
    known = {
        sequence: {"id": pk, "name": name} for sequence, pk, name in campaigns.values_list("sequence", "pk", "name")
    }
    return {mailing: known[sequence] for mailing, sequence in owners.items() if sequence in known}


def _activity(item: _Item, names: _Names) -> Activity | None:
    event = names.events.get(item.event_id) if item.event_id is not None else None
    if item.event_id is not None and event is None:
        return None  # the event store keeps events for a time only
    message_id = event.message_id if event else item.message_id
    message = names.messages.get(message_id) if message_id is not None else None
    contact_id = item.contact_id or (event and event.contact_id) or (message and message.contact_id)
    mailing_id = event.mailing_id if event else message and message.mailing_id
    return Activity(
        id=f"{item.fact.position}.{item.number}",
        type=item.type or _event_type(event),
        occurred_at=event.occurred_at if event else item.fact.occurred_at,
        contact=names.contacts.get(contact_id, {"id": contact_id, "email": None}) if contact_id else None,
        campaign=names.campaigns.get(mailing_id) if mailing_id else None,
        message=message_id,
        data=_event_data(event, names) if event else item.data | _message_data(message),
    )


def _event_type(event: Event | None) -> str:
    return f"message.{EventKind(event.kind).name.lower()}" if event else ""


def _event_data(event: Event, names: _Names) -> dict[str, Any]:
    data: dict[str, Any] = {"class": Verdict(event.verdict).name.lower(), "reason": event.reason}
    if event.link_id is not None:
        data["url"] = names.links.get(event.link_id)
    return data


def _message_data(message: Message | None) -> dict[str, Any]:
    return {"reason": message.reason} if message is not None and message.reason else {}


def _ids(values: Iterable[int | None]) -> set[int]:
    return {value for value in values if value is not None}
