"""Contacts whom a step of one campaign's sequence starts in another's, or stops there."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import F

from campaigns import selectors
from campaigns.admission import Newcomer
from campaigns.models import Campaign, Launch, Reentry, Status, Trigger
from campaigns.rotation import assign_mailboxes
from campaigns.services.entries import admit
from campaigns.services.holding import hold_out
from core import clock
from sequences import services as sequences
from sequences.events import OthersAsked
from sequences.exceptions import SequenceError
from sequences.models import Enrolment

AT_ONCE = 5_000


@transaction.atomic
def start_or_stop(fact: OthersAsked) -> None:
    """Handler: let the contacts into the campaign of the sequence, with mailboxes of its pool, as its launch does; or end their ways.

    One that has ended, isn't launched or has no mailbox takes nobody in; a triggered one only whom its entry filter and its rule
    of re-entry let in (docs/decisions/0051).  Twice is harmless.
    """
    if fact.entry_keys is None:
        sequences.stop_asked(sequence_id=fact.sequence_id, contact_ids=fact.contact_ids)
        return
    campaign = Campaign.objects.filter(sequence=fact.sequence_id).select_related("sequence").first()
    if campaign is None or campaign.status not in (Status.RUNNING, Status.PAUSED):
        return
    by_key: dict[str, list[int]] = defaultdict(list)
    for contact_id, entry_key in zip(fact.contact_ids, fact.entry_keys, strict=True):
        by_key[entry_key].append(contact_id)
    now = clock.now()
    chunks = ((key, ids[at : at + AT_ONCE]) for key, ids in by_key.items() for at in range(0, len(ids), AT_ONCE))
    if selectors.trigger_of(campaign) is None:
        _enrol(campaign, chunks, now)
    elif trigger := selectors.live_triggers().filter(campaign=campaign).first():
        for key, ids in chunks:
            admit(trigger, _newcomers(trigger, key, ids, now), now=now)


def _enrol(campaign: Campaign, chunks: Iterator[tuple[str, list[int]]], now: datetime) -> None:
    pool = [mailbox.pk for mailbox in selectors.mailboxes_of(campaign)]
    if not pool:
        return
    entered = 0
    try:
        for entry_key, chunk in chunks:
            welcome = hold_out(campaign, chunk, now=now)
            entered += sequences.enrol_contacts(
                sequence=campaign.sequence,
                contact_ids=welcome,
                mailbox_ids=assign_mailboxes(pool=pool, contact_ids=welcome),
                due_at=now,
                entry_key=entry_key,
                now=now,
            )
    except SequenceError:  # it was closed this very moment
        return
    Launch.objects.filter(campaign=campaign).update(enrolled=F("enrolled") + entered)


def _newcomers(trigger: Trigger, entry_key: str, contact_ids: list[int], now: datetime) -> list[Newcomer]:
    """Return who stands at the door: without `again` (no key) nobody who was in before."""
    if trigger.reentry == Reentry.ONCE and not trigger.yearly:
        entry_key = ""  # the campaign's "once" holds, whatever the step says
    known = Enrolment.objects.filter(sequence=trigger.campaign.sequence_id, contact__in=contact_ids)
    been = set() if entry_key else set(known.values_list("contact_id", flat=True))
    return [Newcomer(contact_id, entry_key, None, now) for contact_id in contact_ids if contact_id not in been]
