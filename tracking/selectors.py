"""Reads of the event store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from contacts.models import Contact, DeletedContact, Suppression, SuppressionReason
from contacts.selectors import email_key
from core import redis
from delivery.tokens import ContactClaim
from team.models import Workspace
from tracking import chunks
from tracking.copies import copy_of
from tracking.hits import period_of
from tracking.models import CustomEvent, Event
from tracking.verdicts import REASONS


def events_in(workspace: Workspace, *, since: datetime | None = None, until: datetime | None = None) -> QuerySet[Event]:
    """Return the workspace's events, newest first; `since` and `until` (not included) leave partitions out."""
    events = Event.objects.filter(workspace_id=workspace.pk)
    if since is not None:
        events = events.filter(occurred_at__gte=since)
    if until is not None:
        events = events.filter(occurred_at__lt=until)
    return events.order_by("-id")


def custom_events_in(workspace: Workspace) -> QuerySet[CustomEvent]:
    """Return the events that other programs have told of the workspace's contacts, newest first."""
    return CustomEvent.objects.filter(workspace_id=workspace.pk).order_by("-id")


def find_custom_events(
    workspace: Workspace, *, name: str = "", contact_id: int | None = None, email: str = "", key: str = ""
) -> QuerySet[CustomEvent]:
    """Return those of a name, a contact (by id or address) or a key; all that are given must fit."""
    events = custom_events_in(workspace)
    if name:
        events = events.filter(name=name)
    if contact_id is not None:
        events = events.filter(contact_id=contact_id)
    if email:
        people = Contact.objects.filter(workspace=workspace, email_key=email_key(email.strip()))
        events = events.filter(contact_id__in=people.values("pk"))
    if key:
        events = events.filter(key=key)
    return events


def event_context(name: str, occurred_at: datetime, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return what templates can say of an event (`event.*`): its properties, and its name and moment unless they have them."""
    return {"name": name, "occurredAt": occurred_at.isoformat(), **properties}


def event_contexts(event_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Return `event.*` of events by their ids, which come from a selector that is scoped to a workspace."""
    events = CustomEvent.objects.filter(pk__in=event_ids)
    return {event.pk: event_context(event.name, event.occurred_at, event.properties) for event in events}


def event_names(workspace: Workspace) -> list[str]:
    """Return the names of the workspace's events, by a walk over the index from one name to the next."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE names AS (
                (SELECT name FROM tracking_customevent WHERE workspace_id = %(workspace)s ORDER BY name LIMIT 1)
                UNION ALL
                SELECT (SELECT v.name FROM tracking_customevent v
                    WHERE v.workspace_id = %(workspace)s AND v.name > names.name ORDER BY v.name LIMIT 1)
                FROM names WHERE names.name IS NOT NULL
            )
            SELECT name FROM names WHERE name IS NOT NULL LIMIT 200
            """,
            {"workspace": workspace.pk},
        )
        return [name for (name,) in cursor.fetchall()]


def events_of(
    *, message_ids: Collection[int] | None = None, contact_id: int | None = None, since: datetime | None = None
) -> QuerySet[Event]:
    """Return the events of messages or of a contact (or of both together), oldest first.

    Message and contact ids must come from a selector that is scoped to a workspace. `since` leaves partitions out.
    Raises ValueError when neither is given.
    """
    if message_ids is None and contact_id is None:
        raise ValueError("Events of what?")
    events = Event.objects.all()
    if message_ids is not None:
        events = events.filter(message_id__in=message_ids)
    if contact_id is not None:
        events = events.filter(contact_id=contact_id)
    if since is not None:
        events = events.filter(occurred_at__gte=since)
    return events.order_by("occurred_at", "id")


def events_by_id(workspace_id: int, event_ids: Sequence[int]) -> QuerySet[Event]:
    """Return the workspace's events with these ids; the ids lead to their partitions."""
    if not event_ids:
        return Event.objects.none()
    low, _ = period_of(min(event_ids))
    _, high = period_of(max(event_ids))
    return Event.objects.filter(
        workspace_id=workspace_id, id__in=event_ids, occurred_at__gte=low, occurred_at__lt=high
    ).order_by("id")


def subject_as_sent(message_id: int) -> str | None:
    """Return the subject with the contact's own data; None when the message, its contact or its content is gone.

    The id must come from a selector that is scoped to a workspace.
    """
    copy = copy_of(message_id)
    return copy.subject if copy else None


def verdict_sentence(reason: str) -> str:
    """Return the sentence of a reason's code; an empty one for a code that is not known (any more)."""
    known = REASONS.get(reason)
    return known.sentence if known else ""


class Standing(StrEnum):
    """Where somebody who follows an unsubscribe link stands."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    TEST = "test"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What the public pages show; `address` is veiled, as links are forwarded with the mail they stand in."""

    standing: Standing
    brand: str = ""
    address: str = ""
    contact: Contact | None = None


def hits_waiting() -> int:
    """Return how many hits wait in Redis to be drained, without those in chunks under way.  Raises redis.RedisError."""
    return chunks.waiting(redis.client())


def subscription_of(claim: ContactClaim) -> Subscription:
    """Return how things stand for whoever has this claim's token; whatever it points at may be gone."""
    workspace = Workspace.objects.filter(pk=claim.workspace_id).first()
    if workspace is None:
        return Subscription(Standing.GONE)
    brand = workspace.company or workspace.name
    if not claim.contact_id:
        return Subscription(Standing.TEST, brand)
    contact = Contact.objects.filter(pk=claim.contact_id, workspace=workspace).first()
    if contact is None:
        tombstone = DeletedContact.objects.filter(contact_id=claim.contact_id, workspace=workspace).first()
        if tombstone is None:
            return Subscription(Standing.GONE, brand)
        return Subscription(Standing.SUPPRESSED if tombstone.unsubscribed_at else Standing.SUBSCRIBED, brand)
    suppression = Suppression.objects.filter(workspace=workspace, email_key=contact.email_key).first()
    if suppression is None:
        standing = Standing.SUBSCRIBED
    elif suppression.reason == SuppressionReason.UNSUBSCRIBED:
        standing = Standing.UNSUBSCRIBED
    else:
        standing = Standing.SUPPRESSED
    return Subscription(standing, brand, veiled(contact.email), contact)


def unsubscribed_address(claim: ContactClaim) -> str | None:
    """Return the address if its own unsubscription, and nothing else, keeps mail from it."""
    subscription = subscription_of(claim)
    if subscription.standing != Standing.UNSUBSCRIBED or subscription.contact is None:
        return None
    return subscription.contact.email


def veiled(email: str) -> str:
    """Return an address that its owner recognises and nobody else can use: a•••@example.com."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain}"
