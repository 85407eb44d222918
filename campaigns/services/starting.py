"""Contacts whom a step of one campaign's sequence starts in another's, or stops there."""

from collections import defaultdict

from django.db import transaction
from django.db.models import F

from campaigns import selectors
from campaigns.models import Campaign, Launch, Status
from campaigns.rotation import assign_mailboxes
from core import clock
from sequences import services as sequences
from sequences.events import OthersAsked
from sequences.exceptions import SequenceError

AT_ONCE = 5_000


@transaction.atomic
def start_or_stop(fact: OthersAsked) -> None:
    """Handler: let the contacts into the campaign of the sequence, with mailboxes of its pool, as its launch does; or end their ways.

    One that has ended, isn't launched or has no mailbox takes nobody in; twice is harmless.
    """
    if fact.entry_keys is None:
        sequences.stop_asked(sequence_id=fact.sequence_id, contact_ids=fact.contact_ids)
        return
    campaign = Campaign.objects.filter(sequence=fact.sequence_id).select_related("sequence").first()
    if campaign is None or campaign.status not in (Status.RUNNING, Status.PAUSED):
        return
    pool = [mailbox.pk for mailbox in selectors.mailboxes_of(campaign)]
    if not pool:
        return
    by_key: dict[str, list[int]] = defaultdict(list)
    for contact_id, entry_key in zip(fact.contact_ids, fact.entry_keys, strict=True):
        by_key[entry_key].append(contact_id)
    now = clock.now()
    entered = 0
    try:
        for entry_key, ids in by_key.items():
            for at in range(0, len(ids), AT_ONCE):
                chunk = ids[at : at + AT_ONCE]
                entered += sequences.enrol_contacts(
                    sequence=campaign.sequence,
                    contact_ids=chunk,
                    mailbox_ids=assign_mailboxes(pool=pool, contact_ids=chunk),
                    due_at=now,
                    entry_key=entry_key,
                    now=now,
                )
    except SequenceError:  # it was closed this very moment
        return
    Launch.objects.filter(campaign=campaign).update(enrolled=F("enrolled") + entered)
