"""What a trip means for its mailbox's pace: the day's numbers, and the line of what waits."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from delivery import reasons
from delivery.ledger import Held
from delivery.models import Mailbox, MessageState
from delivery.pacing import line
from delivery.pacing.days import local_day
from delivery.pacing.guards import BOUNCED, letters_of
from delivery.pacing.history import DayTally, add_to_days, zone_of_mailbox
from delivery.pacing.opening import interval_of_mailbox, is_limited
from delivery.pacing.throttles import slow_down
from delivery.receipts import Receipt
from delivery.services import guards
from delivery.services.mailings import wake_workers
from delivery.services.waking import wake_workers_in

if TYPE_CHECKING:
    from delivery.courier import Trip

# A slot that is nearer than this (seconds) gets a worker at its own moment; for all others beat is soon enough.
_NEAR = 60.0


def note_trip(mailbox: Mailbox, held: Held, trip: "Trip", *, now: datetime) -> None:
    """Count what was sent, and order what waits for the mailbox's limits behind it (in the transaction of the receipts)."""
    tried = [receipt for receipt in trip.receipts if receipt.tried]
    outcomes = letters_of(receipt.reason == reasons.HARD_BOUNCE for receipt in tried)
    add_to_days(mailbox.pk, _by_day(mailbox, tried), outcomes=outcomes, now=now)
    if trip.throttled:
        slow_down(mailbox.pk, trip.throttled, now=now)
    if BOUNCED in outcomes:
        transaction.on_commit(lambda: guards.guard_bounces(mailbox.pk))
    if not is_limited(mailbox):
        return
    interval = interval_of_mailbox(mailbox)
    if trip.wait is not None and trip.wait.reorders:
        line.put_most_engaged_first(mailbox.pk, now=now)
        transaction.on_commit(wake_workers)
    elif trip.wait is not None and trip.remaining and trip.failure is None:
        start = trip.wait.until
        if trip.wait.reason == reasons.MAILBOX_RATE:
            start += timedelta(microseconds=len(trip.remaining) * interval)
        line.queue_behind(mailbox.pk, start=start, interval=interval, reason=trip.wait.reason, besides=held.batch_id)
        distance = (trip.wait.until - now).total_seconds()
        if distance < _NEAR:
            transaction.on_commit(lambda: wake_workers_in(max(distance, 0.0)))
    elif not trip.remaining and line.bring_next_forward(mailbox.pk, now=now):
        transaction.on_commit(wake_workers)


def _by_day(mailbox: Mailbox, tried: list[Receipt]) -> dict[date, DayTally]:
    if not tried:
        return {}
    zone = zone_of_mailbox(mailbox)
    first, last = min(tried, key=_at), max(tried, key=_at)
    one_day = local_day(first.at, zone) == local_day(last.at, zone)
    groups: dict[date, list[Receipt]] = defaultdict(list)
    for receipt in tried:
        groups[local_day((first if one_day else receipt).at, zone)].append(receipt)
    return {
        day: DayTally(
            sent=len(group),
            accepted=sum(receipt.state is MessageState.ACCEPTED for receipt in group),
            bounced=sum(receipt.reason == reasons.HARD_BOUNCE for receipt in group),
            last_sent_at=max(group, key=_at).at,
        )
        for day, group in groups.items()
    }


def _at(receipt: Receipt) -> datetime:
    return receipt.at
