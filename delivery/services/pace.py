"""What a trip means for its mailbox's pace: the day's numbers, and the line of what waits."""

from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

from django.db import transaction

from delivery import reasons
from delivery.ledger import Held
from delivery.models import Mailbox, MessageState
from delivery.pacing import line
from delivery.pacing.days import local_day
from delivery.pacing.guards import BOUNCED, WATCHED, letters_of
from delivery.pacing.history import DayTally, add_to_days, zone_of_mailbox
from delivery.pacing.opening import interval_of_mailbox, is_limited
from delivery.pacing.throttles import slow_down
from delivery.receipts import Receipt, by_time
from delivery.services import guards
from delivery.services.mailings import wake_workers
from delivery.services.waking import wake_workers_in

if TYPE_CHECKING:
    from delivery.courier import Trip

# A slot that is nearer than this (seconds) gets a worker at its own moment; for all others beat is soon enough.
_NEAR = 60.0
_AT, _STATE, _REASON = attrgetter("at"), attrgetter("state"), attrgetter("reason")


def note_trip(mailbox: Mailbox, held: Held, trip: "Trip", *, now: datetime) -> None:
    """Count what was sent, and order what waits for the mailbox's limits behind it (in the transaction of the receipts)."""
    tried = [receipt for receipt in trip.receipts if receipt.tried]
    outcomes = letters_of(receipt.reason == reasons.HARD_BOUNCE for receipt in tried[-WATCHED:])
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
    return {
        day: DayTally(
            sent=len(group),
            accepted=list(map(_STATE, group)).count(MessageState.ACCEPTED),
            bounced=list(map(_REASON, group)).count(reasons.HARD_BOUNCE),
            last_sent_at=max(map(_AT, group)),
        )
        for day, group in by_time(tried, lambda at: local_day(at, zone)).items()
    }
