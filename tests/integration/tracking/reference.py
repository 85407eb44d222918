"""What opens and clicks come to, worked out slowly from all hits at once, straight from the rules."""

from collections import Counter as Multiset
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contacts.models import Contact, TrackingMode
from delivery.models import Counter, LinkCounter, Message
from tests.factories.tracking import Sent
from tracking.bursts import HONEYPOT_REACH, WINDOW, threshold
from tracking.hits import Hit, moment
from tracking.models import Event, Verdict
from tracking.verdicts import judge

HOURLY = ("opens_human", "opens_all", "clicks_human", "clicks_all")
UNIQUE = ("opened_human", "opened_any", "clicked_human", "clicked_any")


@dataclass
class Outcome:
    """Everything that tracking writes, in plain values."""

    events: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    messages: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    hours: dict[datetime, dict[str, int]] = field(default_factory=dict)
    links: dict[int, dict[str, int]] = field(default_factory=dict)
    contacts: dict[int, tuple[Any, ...]] = field(default_factory=dict)


def read(sent: Sent) -> Outcome:
    """Read what is in the database."""
    outcome = Outcome()
    for event in Event.objects.filter(mailing_id=sent.mailing.pk):
        outcome.events[event.pk] = (
            event.message_id,
            event.contact_id,
            event.verdict,
            event.reason,
            event.ip,
            event.user_agent,
        )
    for message in Message.objects.filter(mailing=sent.mailing):
        outcome.messages[message.pk] = (
            message.opened_at,
            message.opened_any_at,
            message.clicked_at,
            message.clicked_any_at,
        )
    for counter in Counter.objects.filter(mailing=sent.mailing):
        numbers = {name: getattr(counter, name) for name in HOURLY + UNIQUE}
        if any(numbers.values()):
            outcome.hours[counter.hour] = numbers
    for link in LinkCounter.objects.filter(link__mailing_id=sent.mailing.pk):
        numbers = {name: getattr(link, name) for name in ("clicks_human", "clicks_all", "clicked_human", "clicked_any")}
        if any(numbers.values()):
            outcome.links[link.link_id] = numbers
    for contact in Contact.objects.filter(pk__in=[contact.pk for contact in sent.contacts]):
        outcome.contacts[contact.pk] = (contact.last_opened_at, contact.last_clicked_at)
    return outcome


def expected(sent: Sent, hits: Iterable[Hit], *, honeypots: frozenset[int] = frozenset()) -> Outcome:
    """Return what must be in the database once these hits have been taken in."""
    hits = list({hit.id: hit for hit in hits}.values())
    contact_of = {message.pk: contact for message, contact in zip(sent.messages, sent.contacts, strict=True)}
    tracked = [hit for hit in hits if contact_of[hit.message_id].tracking != TrackingMode.OFF]
    needed = threshold(len(sent.links) - len(honeypots))
    outcome = Outcome(messages={message.pk: (None,) * 4 for message in sent.messages})
    outcome.contacts = {contact.pk: (None, None) for contact in sent.contacts}
    hours: dict[datetime, Multiset[str]] = {}
    links: dict[int, Multiset[str]] = {}
    pairs: set[tuple[int, int, bool]] = set()
    for hit in tracked:
        contact = contact_of[hit.message_id]
        individual = contact.tracking == TrackingMode.INDIVIDUAL
        verdict, reason = _judge(hit, tracked if individual else [], honeypots, needed)
        people = verdict != Verdict.MACHINE
        kind = "clicks" if hit.is_click else "opens"
        hour = hours.setdefault(hit.occurred_at.replace(minute=0, second=0, microsecond=0), Multiset())
        hour[f"{kind}_all"] += 1
        hour[f"{kind}_human"] += people
        if hit.is_click:
            link = links.setdefault(hit.link_id, Multiset())
            link["clicks_all"] += 1
            link["clicks_human"] += people
        if individual:
            outcome.events[hit.id] = (hit.message_id, contact.pk, verdict, reason, hit.ip, hit.user_agent)
            if hit.is_click:
                pairs |= {(hit.message_id, hit.link_id, False), (hit.message_id, hit.link_id, people)}
        else:
            outcome.events[hit.id] = (None, None, verdict, reason, None, "")
    _first_and_last(outcome, tracked, contact_of, hours)
    for _, link_id, people in pairs:
        links[link_id]["clicked_human" if people else "clicked_any"] += 1
    outcome.hours = {hour: {name: numbers[name] for name in HOURLY + UNIQUE} for hour, numbers in hours.items()}
    outcome.links = {
        link_id: {name: numbers[name] for name in ("clicks_human", "clicks_all", "clicked_human", "clicked_any")}
        for link_id, numbers in links.items()
    }
    return outcome


def _judge(hit: Hit, all_hits: list[Hit], honeypots: frozenset[int], needed: int) -> tuple[Verdict, str]:
    alone = judge(hit, is_honeypot=hit.link_id in honeypots)
    clicks = [other for other in all_hits if other.message_id == hit.message_id and other.is_click]
    if alone.verdict == Verdict.MACHINE:
        return alone.verdict, alone.code
    if any(click.link_id in honeypots and abs(click.at - hit.at) <= HONEYPOT_REACH for click in clicks):
        return Verdict.MACHINE, "honeypot_burst"
    plain = [click for click in clicks if click.link_id not in honeypots]
    for start in {hit.at - WINDOW, hit.at, *(click.at for click in plain), *(click.at - WINDOW for click in plain)}:
        inside = {click.link_id for click in plain if start <= click.at <= start + WINDOW}
        if start <= hit.at <= start + WINDOW and len(inside) >= needed:
            return Verdict.MACHINE, "burst"
    return alone.verdict, alone.code


def _first_and_last(
    outcome: Outcome, tracked: list[Hit], contact_of: dict[int, Contact], hours: dict[datetime, Multiset[str]]
) -> None:
    for message_id, contact in contact_of.items():
        if contact.tracking != TrackingMode.INDIVIDUAL:
            continue
        mine = [hit for hit in tracked if hit.message_id == message_id]
        opens = [hit for hit in mine if not hit.is_click]
        clicks = [hit for hit in mine if hit.is_click]

        def people(group: list[Hit]) -> list[datetime]:
            return [moment(hit.at) for hit in group if outcome.events[hit.id][2] != Verdict.MACHINE]

        sets = (people(opens), [hit.occurred_at for hit in opens], people(clicks), [hit.occurred_at for hit in clicks])
        firsts = tuple(min(moments, default=None) for moments in sets)
        outcome.messages[message_id] = firsts
        for name, first in zip(UNIQUE, firsts, strict=True):
            if first is not None:
                hours[first.replace(minute=0, second=0, microsecond=0)][name] += 1
        outcome.contacts[contact.pk] = (max(sets[0], default=None), max(sets[2], default=None))
