"""The worker's loop: lease a batch, take it to its server, record what came of it.

Between the lease and the receipts no transaction is open. A worker that dies in between leaves its journal, and
`settle_abandoned` does with it what the worker would have done.
"""

import logging
import os
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from contacts import services as contacts
from contacts.models import SuppressionReason
from core import clock, facts, waking
from core.encryption import DecryptionError
from core.tasks import deliver_facts
from delivery import claims, journal, ledger, queue, reasons, receipts
from delivery.counters import Tally
from delivery.courier import Courier, Trip
from delivery.domains.signing import SigningKeyError
from delivery.events import MessagesAccepted, MessagesFinished
from delivery.latency import note_latency
from delivery.ledger import Held, Recorded
from delivery.models import Batch, Mailbox, Mailing, Message, MessageState
from delivery.oauth import TokenRefusedError, TokenUnavailableError
from delivery.pacing.admission import hold_back
from delivery.pacing.opening import gate_of
from delivery.receipts import Receipt
from delivery.responses import Rules
from delivery.services import mailboxes, pace
from delivery.services.mailings import settle_cancelled, wake_workers
from delivery.smtp import Failure, Stage
from delivery.wire_log import receipt_of

logger = logging.getLogger(__name__)

# How long one call sends before other tasks get their turn, in seconds.
DISPATCH_SECONDS = 2.0
# How long it sends at least while facts wait for a worker, in seconds: long enough for a batch or two.
PATIENCE_SECONDS = 0.2
# How long connections are kept for the next call, in seconds.
KEEP_CONNECTIONS_SECONDS = 10.0
# A batch may start messages at least this long, however late its turn comes, in seconds.
_LEAST_SECONDS = 1.0
# Pauses between tries to commit receipts while PostgreSQL is away or two transactions are in each other's way, in seconds.
_COMMIT_PAUSES = (0.05, 0.2, 1, 2, 5, 10, 15)

_UNFORESEEN_PAUSE = timedelta(minutes=1)

_couriers: dict[int, Courier] = {}


def journal_folder() -> Path:
    """Return where the workers of this machine keep their journals, apart for each database."""
    return Path(settings.DATA_DIR) / "journal" / quote(str(connection.settings_dict["NAME"]), safe="")


def dispatch_due(*, seconds: float = DISPATCH_SECONDS, gives_way_after: float = DISPATCH_SECONDS) -> int:
    """Send due batches for about `seconds`; return how many messages were settled.

    After `gives_way_after` seconds it ends between two batches if facts wait for a worker: an event must not stand behind all
    workers' mail.

    Any number of workers may do this at once. One that finds more than it can take wakes another; one whose time is up
    goes to the end of the line, so that other tasks get their turn, and keeps its connections for the next time.
    """
    deadline = time.monotonic() + seconds
    patient_until = time.monotonic() + gives_way_after
    settled = 0
    paced: set[int] = set()
    # With PostgreSQL away nothing is begun; a connection of an earlier task may be broken by now.
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    courier = _courier()
    courier.hang_up(unused_for=KEEP_CONNECTIONS_SECONDS)
    lease = None
    try:
        lease = claims.lease_batch(owner=courier.journal.name, now=clock.now())
        if lease is not None and claims.is_due(clock.now()):
            wake_workers()
        while lease is not None:
            settled += _send(courier, lease, max(deadline, time.monotonic() + _LEAST_SECONDS), paced)
            if time.monotonic() >= deadline or (
                time.monotonic() >= patient_until and waking.is_awaited(deliver_facts.name)
            ):
                if claims.is_due(clock.now()):
                    wake_workers()
                return settled
            lease = None
            lease = claims.lease_batch(owner=courier.journal.name, now=clock.now())
    except BaseException as error:
        _give_up(courier, lease, error)
        raise
    courier.hang_up(but=paced)
    return settled


def _give_up(courier: Courier, lease: claims.Lease | None, error: BaseException) -> None:
    """Leave a batch in which something unforeseen happened; what is settled and what isn't, the journal knows.

    The batch is put off, so that it can't keep the others from leaving. Without a lease one may have been taken all the same,
    if PostgreSQL's answer was lost: it is the journal's too.
    """
    _couriers.pop(os.getpid(), None)
    courier.retire(keep_journal=True)
    if lease is not None and isinstance(error, Exception) and not isinstance(error, OperationalError | InterfaceError):
        settle_abandoned()
        queue.delay_batch(lease.batch_id, until=clock.now() + _UNFORESEEN_PAUSE)


def _courier() -> Courier:
    courier = _couriers.get(os.getpid())
    if courier is None:
        courier = _couriers[os.getpid()] = Courier(journal_folder())
    return courier


def _send(courier: Courier, lease: claims.Lease, deadline: float, paced: set[int]) -> int:
    """Take a batch to its server; a mailbox whose next slot is near is added to `paced`."""
    mailing = Mailing.objects.select_related("workspace__sending_rules").get(pk=lease.mailing_id)
    mailbox = Mailbox.objects.get(pk=lease.mailbox_id)
    mailbox.workspace = mailing.workspace
    rules = Rules.of_mailing(mailing)
    held = Held(lease.batch_id, lease.owner, lease.mailing_id, lease.mailbox_id, mailing.workspace_id, rules=rules)
    going, held_back = hold_back(lease, mailing, now=clock.now())
    gate = gate_of(mailbox, mailing, batch_id=lease.batch_id, deadline=deadline)
    try:
        trip = courier.take(going, mailing, mailbox, deadline=deadline, gate=gate)
    except DecryptionError as error:
        reason = "The stored password can't be read with this installation's keys. Enter it again."
        reason = str(error) if isinstance(error, SigningKeyError) else reason
        mailboxes.pause_mailbox(mailbox.pk, reason=reason)
        trip = Trip(remaining=[message.id for message in going.messages])
    except TokenRefusedError as error:
        mailboxes.pause_mailbox(mailbox.pk, reason=str(error))
        trip = Trip(remaining=[message.id for message in going.messages])
    except TokenUnavailableError as error:
        failure = Failure(Stage.CONNECT, str(error))
        trip = Trip(remaining=[message.id for message in going.messages], failure=failure)
    trip.held_back = held_back
    _commit(held, mailbox, trip)
    courier.journal.forget()
    note_latency(mailbox.pk, trip.waits)
    if trip.wait is not None and trip.wait.until < clock.now() + timedelta(seconds=KEEP_CONNECTIONS_SECONDS):
        paced.add(mailbox.pk)
    if trip.failure is not None and trip.remaining:
        logger.warning("Mailbox %s: %s", mailbox.pk, trip.failure.message)
    return len(trip.receipts)


def _commit(held: Held, mailbox: Mailbox, trip: Trip) -> None:
    """Record a trip, whatever it takes: the mail has gone out.

    A commit whose answer got lost may have happened: PostgreSQL is asked before it is tried again.
    """
    tried: list[str] = []
    for pause in (*_COMMIT_PAUSES, None):
        try:
            if not (tried and ledger.is_committed(tried[-1])):
                _record_trip(held, mailbox, trip, tried)
        except (OperationalError, InterfaceError):
            if pause is None:
                raise
            logger.warning("The receipts of batch %s can't be written yet; trying again.", held.batch_id)
            connection.close()
            time.sleep(pause)
        else:
            return


@transaction.atomic
def _record_trip(held: Held, mailbox: Mailbox, trip: Trip, tried: list[str]) -> None:
    """Write everything down in one transaction, whose number is added to `tried`."""
    tried.append(ledger.transaction_number())
    now = clock.now()
    later = _consequences(held, mailbox, trip)
    given_back = ledger.give_back(held, trip.remaining, due_at=later.until, now=now, reason=later.reason)
    if not given_back and ledger.is_recorded(held):
        return
    if given_back and trip.held_back:
        ledger.hold(held, trip.held_back.items())
    # What was put off by whoever settled the batch meanwhile is in a later batch already.
    found = trip.receipts if given_back else [receipt for receipt in trip.receipts if receipt.retry_at is None]
    recorded = _record(held, found)
    pace.note_trip(mailbox, held, trip, now=now)
    if given_back and later.unreachable:
        ledger.postpone(held, trip.remaining, reason=reasons.SERVER_UNREACHABLE, text=later.unreachable)
    for message_id in recorded.of(MessageState.FAILED):
        if message_id in trip.hard_bounces:
            detail = next(receipt.text for receipt in trip.receipts if receipt.message_id == message_id)
            _suppress(held, trip.hard_bounces[message_id], detail)
    if trip.remaining or trip.held_back:
        transaction.on_commit(settle_cancelled)


class _Later(NamedTuple):
    """When what remains of a batch may go on: `unreachable` is what the server said, `reason` a code of the mailbox's limits."""

    until: datetime | None = None
    reason: str = ""
    unreachable: str = ""


def _consequences(held: Held, mailbox: Mailbox, trip: Trip) -> _Later:
    """Lock what the trip's records belong to, and let the mailbox know how its server behaved."""
    later = _Later()
    if trip.remaining or trip.held_back or trip.sender_fault or any(receipt.retry_at for receipt in trip.receipts):
        queue.share_mailing(held.mailing_id)
        if trip.sender_fault:
            mailboxes.pause_mailbox(held.mailbox_id, reason=trip.sender_fault)
        elif trip.failure is not None and trip.remaining:
            until = mailboxes.note_server_failure(mailbox, trip.failure)
            later = _Later(until, "", trip.failure.message[:500] if until else "")
        elif trip.wait is not None and trip.remaining:
            later = _Later(trip.wait.until, trip.wait.reason)
        ledger.lock(held)
    if trip.answered and not trip.failure:
        mailboxes.note_server_success(mailbox)
    return later


def _record(held: Held, found: Sequence[Receipt]) -> Recorded:
    tally = Tally()
    recorded = ledger.record(held, found, tally)
    now = clock.now()
    for state, ids in recorded.by_state.items():
        event: MessagesAccepted | MessagesFinished
        match state:
            case MessageState.ACCEPTED:
                event = MessagesAccepted(held.mailing_id, ids, now)
            case MessageState.DEFERRED:
                continue
            case _:
                event = MessagesFinished(held.mailing_id, ids, state.name.lower())
        facts.record(event, workspace_id=held.workspace_id, occurred_at=now)
    tally.write()
    return recorded


def _suppress(held: Held, email: str, detail: str) -> None:
    contacts.suppress(workspace_id=held.workspace_id, email=email, reason=SuppressionReason.BOUNCED, detail=detail)


def record_contacts_sent(event: MessagesAccepted) -> None:
    """Keep on the contacts when they were last sent to (a handler: it runs after the receipts are committed)."""
    contacts.record_sent(contact_ids=ledger.contacts_of(event.message_ids), at=event.accepted_at)


def settle_abandoned() -> int:
    """Take over the batches of workers that are gone; return how many.

    On this machine their journals tell: what was answered is recorded, what never started waits again, and only what was
    started and not answered is in doubt. Of a machine that has been silent for HOST_AWAY_MINUTES everything unsettled is.
    """
    folder = journal_folder()
    settled = 0
    for dead in journal.abandoned(folder):
        batches = Batch.objects.select_related("mailing", "mailbox")
        for batch in batches.filter(state=Batch.State.LEASED, lease_owner=dead.notes.name):
            _settle_batch(batch, dead.notes)
            settled += 1
        # Given up while this machine was away; now the journal tells which of them the server took after all.
        for batch in batches.filter(lease_owner=ledger.given_up_name(dead.notes.name)):
            _settle_batch(batch, dead.notes)
        dead.remove()
    away = clock.now() - timedelta(minutes=settings.HOST_AWAY_MINUTES)
    known = journal.present(folder)
    lapsed = Batch.objects.filter(state=Batch.State.LEASED, lease_expires_at__lt=away)
    for batch in lapsed.exclude(lease_owner__in=known).select_related("mailing", "mailbox"):
        _settle_batch(batch, None)
        settled += 1
    settle_cancelled()
    if settled and claims.is_due(clock.now()):
        wake_workers()
    return settled


def _settle_batch(batch: Batch, notes: journal.Notes | None) -> None:
    """Do for a dead worker what it would have done; `notes` None: nobody knows what it did."""
    rows = Message.objects.filter(pk__in=batch.message_ids, state__in=queue.WAITING)
    attempts = dict(rows.values_list("pk", "attempts"))
    resend = batch.mailbox.on_unknown == Mailbox.OnUnknown.RESEND
    trip = Trip()
    now = clock.now()
    for message_id in batch.message_ids:
        outcome = notes.outcomes.get(message_id) if notes else None
        if outcome is not None:
            trip.receipts.append(receipt_of(outcome, attempts=attempts.get(message_id, 0) + 1, resend=resend))
        elif message_id not in attempts:
            continue
        elif notes is not None and notes.same_boot and message_id not in notes.started:
            trip.remaining.append(message_id)
        else:
            reason = reasons.WORKER_LOST if notes else reasons.HOST_LOST
            tries = attempts[message_id] + 1
            trip.receipts.append(receipts.in_doubt(message_id, reason, attempts=tries, resend=resend, at=now))
    _note_consequences(trip)
    held = Held(
        batch.pk,
        notes.name if notes else batch.lease_owner,
        batch.mailing_id,
        batch.mailbox_id,
        batch.mailing.workspace_id,
        given_up=notes is None,
        rules=Rules.of_mailing(batch.mailing),
    )
    _commit(held, batch.mailbox, trip)
    doubtful = sum(receipt.state is MessageState.UNKNOWN for receipt in trip.receipts)
    logger.warning(
        "Batch %s of a lost worker settled: %s recorded, %s back in line, %s in doubt.",
        batch.pk,
        len(trip.receipts) - doubtful,
        len(trip.remaining),
        doubtful,
    )


def _note_consequences(trip: Trip) -> None:
    bounced = [receipt.message_id for receipt in trip.receipts if receipt.reason == reasons.HARD_BOUNCE]
    for message in Message.objects.filter(pk__in=bounced).select_related("contact"):
        email = message.to_email or (message.contact.email if message.contact else "")
        if email:
            trip.hard_bounces[message.pk] = email
    for receipt in trip.receipts:
        if receipt.reason == reasons.SENDER_FAULT:
            trip.sender_fault = f"The server refuses this sender: {receipt.code} {receipt.text}"
