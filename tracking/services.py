"""Every write of tracking."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from contacts import services as contacts
from contacts.events import ContactsDeleted
from contacts.models import Contact, TrackingMode
from contacts.selectors import email_key
from core import clock, facts
from core.exceptions import InvalidInput, NotFound
from delivery import services as delivery
from delivery.models import Message
from delivery.tokens import ContactClaim
from team.services import acting_as
from tracking import custom, selectors, store
from tracking import drain as drainer
from tracking.custom import NewEvent as NewEvent
from tracking.events import CustomEventsRecorded, Resubscribed, Unsubscribed
from tracking.given import GivenError, GivenEvent, read_event
from tracking.hits import Hit, micros, new_id
from tracking.ingest import ingest
from tracking.models import DrainedChunk, EventKind
from tracking.partitions import Month, drop_month, ensure_months, existing_months, month_of
from tracking.recount import Differences, repair
from tracking.verdicts import UNSUBSCRIBED_ON_PAGE, UNSUBSCRIBED_ONE_CLICK, Reason

MONTHS_AHEAD = 2
CHUNKS_KEPT = timedelta(days=7)


def drain() -> int:
    """Bring everything that waits in the buffer into the event store; return how many hits that were."""
    return drainer.drain()


def record_hits(hits: Sequence[Hit]) -> int:
    """Take hits in as the drainer does, without the buffer; return how many events were new.

    For imports and the demo: ids come from `tracking.hits.id_generator`. Chunks are committed one by one.
    """
    events = 0
    for start in range(0, len(hits), drainer.CHUNK_SIZE):
        with transaction.atomic():
            events += ingest(hits[start : start + drainer.CHUNK_SIZE])
    return events


def prepare_partitions() -> list[Month]:
    """Make the partitions of this and the next months; return those that were missing."""
    current = month_of(clock.now())
    return ensure_months(current.plus(ahead) for ahead in range(MONTHS_AHEAD + 1))


def drop_old_events(*, months: int) -> list[Month]:
    """Drop the partitions of all but this and the last `months` months; return which those were.

    Counters and the messages' first times stay. Must not run inside a transaction.
    """
    oldest_kept = month_of(clock.now()).plus(-months)
    dropped = [month for month in existing_months() if month < oldest_kept]
    for month in dropped:
        drop_month(month)
    return dropped


def tidy_event_store() -> None:
    """Do what is due now and then: partitions ahead, retention (EVENT_RETENTION_MONTHS), old names of chunks."""
    prepare_partitions()
    if settings.EVENT_RETENTION_MONTHS:
        drop_old_events(months=settings.EVENT_RETENTION_MONTHS)
    DrainedChunk.objects.filter(drained_at__lt=clock.now() - CHUNKS_KEPT).delete()


def recount() -> Differences:
    """Work columns and counters out anew from the facts, put right what differs, and return what that was."""
    return repair()


def forget_contacts(event: ContactsDeleted) -> None:
    """Take what leads to deleted contacts out of their events; what they count for stays."""
    store.forget_contacts(event.contact_ids)
    custom.forget_contacts(event.contact_ids)


@transaction.atomic
def record_custom_events(workspace_id: int, events: Sequence[NewEvent]) -> int:
    """Write what contacts did elsewhere, and tell of it as one fact; return how many events were new.

    Contacts of other workspaces and keys that are known are passed over.  Raises InvalidInput for a name, key or properties
    that are too long.
    """
    for number, event in enumerate(events):
        fields = {
            "name": 0 < len(event.name) <= custom.MAX_NAME,
            "key": len(event.key) <= custom.MAX_KEY,
            "properties": len(json.dumps(event.properties)) <= custom.MAX_PROPERTIES,
        }
        for name, fits in fields.items():
            if not fits:
                message = f"The {name} of an event can't be empty or this long."
                raise InvalidInput(message, fields={f"{number}.{name}": [message]})
    return len(_record(workspace_id, events, clock.now()))


def _record(workspace_id: int, events: Sequence[NewEvent], now: datetime) -> list[int]:
    ids = custom.write(workspace_id, events, now) if events else []
    if ids:
        facts.record(CustomEventsRecorded(workspace_id, ids), workspace_id=workspace_id, occurred_at=now)
    return ids


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of given events: the ids of those that were new, and what was wrong with others, by their place."""

    ids: list[int]
    errors: dict[int, dict[str, list[str]]]
    duplicates: int = 0


@transaction.atomic
def take_events(*, workspace_id: int, given: Sequence[object]) -> Taken:
    """Take events as other programs give them (`tracking.given`), at most MAX_EVENTS; what is faulty stops no other.

    An unknown address becomes a contact; the id of a contact that isn't there is an error.  The same key twice is one event.
    """
    now = clock.now()
    errors: dict[int, dict[str, list[str]]] = {}
    read: dict[int, GivenEvent] = {}
    for place, item in enumerate(given):
        try:
            read[place] = read_event(item, now)
        except GivenError as error:
            errors[place] = error.errors
    by_key = contacts.ensure_contacts(
        workspace_id=workspace_id, emails=[event.email for event in read.values() if event.email]
    )
    asked = {event.contact_id for event in read.values() if event.contact_id is not None}
    there = set(Contact.objects.filter(workspace_id=workspace_id, pk__in=asked).values_list("pk", flat=True))
    events = []
    for place, event in read.items():
        contact_id = by_key[email_key(event.email)] if event.email else event.contact_id
        if contact_id is None or (not event.email and contact_id not in there):
            errors[place] = {"contact": ["This workspace has no such contact."]}
            continue
        events.append(NewEvent(contact_id, event.name, event.occurred_at, event.properties, event.key))
    ids = _record(workspace_id, events, now)
    return Taken(ids, dict(sorted(errors.items())), len(events) - len(ids))


@transaction.atomic
def unsubscribe(claim: ContactClaim, *, one_click: bool = False) -> bool:
    """Suppress the address of whoever has this claim's token, workspace-wide; return whether this is news.

    `one_click` is the mail program's own button (RFC 8058). Works when contact or message have been deleted; a test's claim,
    which has no contact, changes nothing.
    """
    if not claim.contact_id:
        return False
    at = clock.now()
    detail = "By the mail program's button." if one_click else "On the unsubscribe page."
    with acting_as(f"contact:{claim.contact_id}"):
        news = contacts.unsubscribe_contact(workspace_id=claim.workspace_id, contact_id=claim.contact_id, detail=detail)
        if delivery.record_unsubscribe(claim.message_id, at):
            _record_unsubscription(claim, at, UNSUBSCRIBED_ONE_CLICK if one_click else UNSUBSCRIBED_ON_PAGE)
    if news:
        facts.record(Unsubscribed(*claim), workspace_id=claim.workspace_id, occurred_at=at)
    return news


def _record_unsubscription(claim: ContactClaim, at: datetime, reason: Reason) -> None:
    mailing_id = Message.objects.values_list("mailing_id", flat=True).get(pk=claim.message_id)
    ensure_months([month_of(at)])
    store.insert(
        [
            store.Row(
                id=new_id(micros(at)),
                occurred_at=at,
                kind=EventKind.UNSUBSCRIBED.value,
                verdict=reason.verdict.value,
                reason=reason.code,
                workspace_id=claim.workspace_id,
                mailing_id=mailing_id,
                message_id=claim.message_id,
                contact_id=claim.contact_id,
                link_id=None,
                ip=None,
                user_agent="",
            )
        ]
    )


@transaction.atomic
def resubscribe(claim: ContactClaim) -> bool:
    """Take an unsubscription back ("I clicked by mistake"); return whether there was one.

    Only the person's own unsubscription: an address that bounced or complained stays suppressed.
    """
    email = selectors.unsubscribed_address(claim)
    if email is None:
        return False
    with acting_as(f"contact:{claim.contact_id}"):
        contacts.lift_suppression(workspace_id=claim.workspace_id, email=email)
        delivery.withdraw_unsubscribe(claim.message_id)
    facts.record(Resubscribed(*claim), workspace_id=claim.workspace_id, occurred_at=clock.now())
    return True


def choose_tracking(claim: ContactClaim, *, mode: TrackingMode) -> None:
    """Set how a contact's opens and clicks are kept from now on.  Raises NotFound when the contact is gone."""
    contact = Contact.objects.filter(pk=claim.contact_id, workspace_id=claim.workspace_id).first()
    if contact is None:
        raise NotFound("There is no such contact any more.")
    with transaction.atomic(), acting_as(f"contact:{claim.contact_id}"):
        contacts.update_contact(contact, tracking=mode)
