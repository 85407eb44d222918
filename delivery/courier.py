"""A worker's hands: takes a leased batch to its mailbox's server and notes everything in its journal.

No transaction is open while anything here runs; the only writes to the database are the links of the messages, before
the messages that hold them go out.
"""

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from contacts.selectors import liquid_context
from core import clock
from delivery import claims, journal, own_fields, reasons, receipts, threads
from delivery.claims import Lease, LeasedMessage
from delivery.compose import BadRecipientError, ComposeError, Composer, Recipient, count_uncompiled
from delivery.compose.composer import Places, Sender, Sign, TrackedLink
from delivery.dkim import Signer
from delivery.domains.signing import signer_of
from delivery.esp import Account, EspClient
from delivery.esp.accounts import account_of
from delivery.journal import Journal
from delivery.models import Mailbox, Mailing
from delivery.pacing.admission import HeldBack
from delivery.pacing.gate import Gate, Wait
from delivery.pacing.throttles import Throttle, domain_of
from delivery.receipts import Receipt
from delivery.servers import server_of
from delivery.smtp import (
    Answered,
    Broken,
    Capabilities,
    Client,
    Envelope,
    Event,
    Failure,
    Lost,
    Refused,
    Started,
    Unsent,
)
from delivery.wire_log import BROKEN, LOST, REFUSED, number_of
from templates_lib.rendering import CompiledEmail, TemplateError, compile_email

logger = logging.getLogger(__name__)

# Messages that are made at once, before the links in them are stored together: few enough to be in the processor's second
# cache still when the kernel copies them.
_COMPOSED_AT_ONCE = 24
_COMPILED_KEPT = 32
# How often the stops are looked at again while a batch is on its way, in seconds.
RECHECK_EVERY = 2.0
# What the lease said about stops is still true so long after it was read, in seconds: compiling a mailing may take longer.
_FRESH = 0.2


@dataclass(slots=True)
class Trip:
    """What came of taking a batch to the server: receipts, what was not sent, and why the server failed, if it did."""

    receipts: list[Receipt] = field(default_factory=list)
    remaining: list[int] = field(default_factory=list)
    hard_bounces: dict[int, str] = field(default_factory=dict)
    failure: Failure | None = None
    # Why and until when what remains waits for the mailbox's limits.
    wait: Wait | None = None
    # What was not even offered, by the moment and the reason for which it waits.
    held_back: HeldBack = field(default_factory=dict)
    throttled: dict[str, Throttle] = field(default_factory=dict)
    sender_fault: str = ""
    answered: bool = False
    # How long the server took over each message that it answered, from the start of its content, in seconds.
    waits: list[float] = field(default_factory=list)


class Courier:
    """Belongs to one process: its journal, its open connections by mailbox, and the mailings it has compiled."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder)
        self._clients: dict[int, Client | EspClient] = {}
        self._used_at: dict[int, float] = {}
        self._compiled: OrderedDict[int, CompiledEmail | TemplateError] = OrderedDict()
        self._composers: OrderedDict[tuple[int, Sender, Signer | None], Composer] = OrderedDict()

    def take(
        self, lease: Lease, mailing: Mailing, mailbox: Mailbox, *, deadline: float, gate: Gate | None = None
    ) -> Trip:
        """Send what may be sent of a batch; nothing new is started after `deadline` (monotonic seconds) or without `gate`.

        Raises OSError when the journal can't be written and core.encryption.DecryptionError when the password or
        a DKIM key can't be read.
        """
        messages = list(lease.messages)
        trip = Trip()
        sendable = []
        for message in messages:
            if message.stop:
                trip.receipts.append(receipts.skipped(message.id, message.stop, at=clock.now()))
            else:
                sendable.append(message)
        if not sendable:
            return trip
        if gate is not None and not gate.opens(len(sendable)):
            trip.remaining, trip.wait = [message.id for message in sendable], gate.wait
            return trip
        account = account_of(mailbox)
        composer = self._composer(mailing, mailbox, signs=account is None)
        if isinstance(composer, TemplateError):
            now = clock.now()
            text = str(composer)
            trip.receipts += [
                receipts.skipped(message.id, reasons.RENDER_ERROR, text=text, at=now) for message in sendable
            ]
            return trip
        load = _Load(self.journal, lease, mailing, mailbox, composer, sendable, trip, deadline, gate)
        expected = len(sendable)
        if gate is not None:
            expected = min(expected, gate.expected(deadline - time.monotonic()))
        client = self._client(mailbox, account)
        trip.failure = client.deliver(
            load.pull,
            load.observe,
            expected=expected,
            tick=load.recheck,
            every=RECHECK_EVERY,
            opens_at=load.opens_at,
        )
        load.unload()
        self._used_at[mailbox.pk] = time.monotonic()
        return trip

    def hang_up(self, *, unused_for: float = 0, but: Collection[int] = ()) -> None:
        """Close the connections of mailboxes that were not used for so many seconds, but not of those in `but`."""
        now = time.monotonic()
        for mailbox_id, used_at in list(self._used_at.items()):
            if now - used_at >= unused_for and mailbox_id not in but:
                self._clients.pop(mailbox_id).close()
                del self._used_at[mailbox_id]

    def retire(self, *, keep_journal: bool) -> None:
        """Let go of everything; `keep_journal` leaves the journal to be settled as a dead process's."""
        self.hang_up()
        self.journal.close(keep=keep_journal)

    def _client(self, mailbox: Mailbox, account: Account | None) -> Client | EspClient:
        server = account or server_of(mailbox)
        client = self._clients.get(mailbox.pk)
        if client is not None and client.server != server:
            client.close()
            client = None
        if client is None:
            client = self._clients[mailbox.pk] = (
                EspClient(server, connections=mailbox.max_connections)
                if isinstance(server, Account)
                else Client(server, connections=mailbox.max_connections)
            )
        self._used_at[mailbox.pk] = time.monotonic()
        return client

    def _composer(self, mailing: Mailing, mailbox: Mailbox, *, signs: bool) -> Composer | TemplateError:
        compiled = self._compile(mailing)
        if isinstance(compiled, TemplateError):
            return compiled
        sender = sender_of(mailbox, mailing)
        # A provider rewrites what it is given, and signs by itself.
        signer = signer_of(mailbox) if signs else None
        key = (mailing.pk, sender, signer)
        composer = self._composers.get(key)
        if composer is None:
            composer = self._composers[key] = composer_of(
                mailing, compiled, sender, sign=signer.sign if signer is not None else None
            )
            if len(self._composers) > _COMPILED_KEPT:
                self._composers.popitem(last=False)
        self._composers.move_to_end(key)
        return composer

    def _compile(self, mailing: Mailing) -> CompiledEmail | TemplateError:
        compiled = self._compiled.get(mailing.pk)
        if compiled is None:
            try:
                compiled = compile_mailing(mailing)
            except TemplateError as error:
                compiled = error
            self._compiled[mailing.pk] = compiled
            if len(self._compiled) > _COMPILED_KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(mailing.pk)
        return compiled


class _Load:
    """One batch on its way."""

    def __init__(
        self,
        journal: Journal,
        lease: Lease,
        mailing: Mailing,
        mailbox: Mailbox,
        composer: Composer,
        messages: list[LeasedMessage],
        trip: Trip,
        deadline: float,
        gate: Gate | None,
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._resend = mailbox.on_unknown == Mailbox.OnUnknown.RESEND
        self._composer = composer
        self._trip = trip
        self._deadline = deadline
        self._gate = gate
        self._messages = {message.id: message for message in messages}
        self._own = own_fields.read(self._messages) if mailing.own_fields else {}
        self._answers = (
            threads.answered_by(mailing.workspace_id, self._messages, mailing.thread) if mailing.thread else {}
        )
        self._waiting = deque(messages)
        self._made: deque[Envelope] = deque()
        # When the content that is on the wire was begun (monotonic seconds).
        self._begun: dict[int, float] = {}
        self._stopped = False
        self._checked = False

    def pull(self, capabilities: Capabilities) -> Envelope | None:
        """Give the client the next message, made ready with its neighbours."""
        if self._stopped or time.monotonic() >= self._deadline:
            return None
        if not self._checked:
            self._checked = True
            if time.monotonic() - self._lease.read_at > _FRESH:
                self.recheck()
        while not self._made and self._waiting and not self._stopped:
            self._make(capabilities)
        if not self._made or self._stopped:
            return None
        if self._gate is not None and not self._gate.take(len(self._made) + len(self._waiting)):
            return None
        return self._made.popleft()

    def opens_at(self) -> float:
        """Return when `pull` will give more although it gave nothing (monotonic seconds); 0: not in this trip."""
        if self._gate is None or self._stopped or max(self._gate.opens_at, time.monotonic()) >= self._deadline:
            return 0.0
        return self._gate.opens_at if self._made or self._waiting else 0.0

    def observe(self, events: list[Event]) -> None:
        """Note in the journal, then remember; the journal comes before anything that follows from the events."""
        at = clock.now()
        self._journal.note(_entries(events, at.timestamp()))
        read_at = time.monotonic()
        for event in events:
            if type(event) is Started:
                self._begun[event.id] = read_at
                continue
            if type(event) is Answered and event.id in self._begun:
                self._trip.waits.append(read_at - self._begun.pop(event.id))
            self._settle(event, at)

    def recheck(self) -> None:
        """Look again at everything that may forbid what is not on the wire yet."""
        if self._stopped:
            return
        ids = [message.id for message in self._waiting] + [envelope.id for envelope in self._made]
        try:
            found = claims.recheck(self._lease, ids, now=clock.now())
        except (OperationalError, InterfaceError) as error:
            self._stop_unchecked(error)
            return
        self._stopped = not (found.ours and found.allowed)
        if not found.stopped:
            return
        self._waiting = deque(message for message in self._waiting if message.id not in found.stopped)
        self._made = deque(envelope for envelope in self._made if envelope.id not in found.stopped)
        now = clock.now()
        for message_id, code in found.stopped.items():
            if code:
                self._trip.receipts.append(receipts.skipped(message_id, code, at=now))

    def unload(self) -> None:
        """Give back what was not sent, in its order."""
        left = {envelope.id for envelope in self._made} | {message.id for message in self._waiting}
        left.update(self._trip.remaining)
        self._trip.remaining = [message.id for message in self._lease.messages if message.id in left]
        if self._gate is not None:
            self._gate.close()
            self._trip.wait = self._gate.wait

    def _make(self, capabilities: Capabilities) -> None:
        now = clock.now()
        at_once = _COMPOSED_AT_ONCE if self._gate is None else min(_COMPOSED_AT_ONCE, self._gate.at_once)
        for _ in range(min(at_once, len(self._waiting))):
            message = self._waiting.popleft()
            try:
                recipient = recipient_of(message, self._own.get(message.id))
                answers = self._answers.get(message.id, ())
                self._made.append(
                    self._composer.compose(recipient, now=now, eight_bit=capabilities.eight_bit, answers=answers)
                )
            except BadRecipientError as error:
                self._skip(message, reasons.INVALID_ADDRESS, str(error), now)
            except ComposeError as error:
                self._skip(message, reasons.RENDER_ERROR, str(error), now)
            except Exception as error:  # whatever one contact's data does, the others' mail goes on
                logger.exception("Message %s could not be made.", message.id)
                self._skip(message, reasons.RENDER_ERROR, f"Something unforeseen: {type(error).__name__}", now)
        links = self._composer.take_links()
        try:
            store_links(self._lease.mailing_id, links)
        except (OperationalError, InterfaceError) as error:
            self._composer.put_back(links)
            self._stop_unchecked(error)
        count_uncompiled(self._composer.take_uncompiled())

    def _stop_unchecked(self, error: Exception) -> None:
        """PostgreSQL is away: nothing new may start, but what is on the wire is still answered, and the journal takes it."""
        logger.warning("Batch %s stops: PostgreSQL can't be asked (%s).", self._lease.batch_id, type(error).__name__)
        connection.close()
        self._stopped = True

    def _skip(self, message: LeasedMessage, reason: str, text: str, now: datetime) -> None:
        self._trip.receipts.append(receipts.skipped(message.id, reason, text=text, at=now))

    def _settle(self, event: Event, at: datetime) -> None:
        trip = self._trip
        if type(event) is Answered:
            trip.answered = True
            if event.reply.is_positive:
                trip.receipts.append(receipts.accepted(event.id, event.reply, at=at))
                return
            message = self._messages[event.id]
            self._add(
                receipts.answered(event.id, event.stage, event.reply, attempts=message.attempts + 1, at=at), message
            )
            return
        match event:
            case Refused(message_id, refusal):
                trip.receipts.append(receipts.refused(message_id, refusal, at=at))
            case Broken(message_id, text):
                attempts = self._messages[message_id].attempts + 1
                trip.receipts.append(receipts.broken(message_id, text, attempts=attempts, at=at))
            case Lost(message_id, text):
                attempts = self._messages[message_id].attempts + 1
                receipt = receipts.in_doubt(
                    message_id, reasons.REPLY_LOST, text=text, attempts=attempts, resend=self._resend, at=at
                )
                trip.receipts.append(receipt)
            case Unsent(envelope):
                trip.remaining.append(envelope.id)

    def _add(self, receipt: Receipt, message: LeasedMessage) -> None:
        self._trip.receipts.append(receipt)
        if not receipt.reason:
            return
        if receipt.reason == reasons.HARD_BOUNCE:
            self._trip.hard_bounces[message.id] = message.email
        elif receipt.reason == reasons.THROTTLED:
            domain = domain_of(message.email)
            if domain not in self._trip.throttled:
                offered = sum(domain_of(each.email) == domain for each in self._messages.values())
                self._trip.throttled[domain] = Throttle(f"{receipt.code} {receipt.text}", offered)
        elif receipt.reason == reasons.SENDER_FAULT:
            self._trip.sender_fault = f"The server refuses this sender: {receipt.code} {receipt.text}"
            self._stopped = True


def _entries(events: list[Event], at: float) -> list[bytes]:
    entries = []
    for event in events:
        # These two are nearly all; a pattern is matched more slowly than a type is compared.
        if type(event) is Started:
            entries.append(journal.start(event.id))
        elif type(event) is Answered:
            entries.append(journal.outcome(event.id, number_of(event.stage), at, str(event.reply)))
        else:
            match event:
                case Refused(message_id, refusal):
                    entries.append(journal.outcome(message_id, REFUSED, at, refusal.value))
                case Broken(message_id, text):
                    entries.append(journal.outcome(message_id, BROKEN, at, text))
                case Lost(message_id, text):
                    entries.append(journal.outcome(message_id, LOST, at, text))
    return entries


def compile_mailing(mailing: Mailing) -> CompiledEmail:
    """Compile a mailing's content.  Raises TemplateError."""
    return compile_email(
        format=mailing.format,
        subject=mailing.subject,
        preheader=mailing.preheader,
        source=mailing.source,
        text_source=mailing.text_source,
    )


def composer_of(mailing: Mailing, compiled: CompiledEmail, sender: Sender, *, sign: Sign | None = None) -> Composer:
    """Return what makes a mailing's messages, and signs them if `sign` is given."""
    return Composer(
        mailing_id=mailing.pk,
        compiled=compiled,
        sender=sender,
        places=Places(settings.BASE_URL, settings.TRACKING_URL),
        context=mailing.context,
        track_opens=mailing.track_opens,
        track_clicks=mailing.track_clicks,
        sign=sign,
    )


def sender_of(mailbox: Mailbox, mailing: Mailing) -> Sender:
    """Return what of the mailbox and its workspace stands in the mail."""
    workspace = mailing.workspace
    return Sender(
        workspace_id=workspace.pk,
        workspace_slug=workspace.slug,
        mailbox_id=mailbox.pk,
        name=mailing.from_name or mailbox.from_name,
        email=mailbox.from_email,
        reply_to=mailbox.reply_to,
        workspace=_Frozen(
            name=workspace.name,
            company=workspace.company,
            address=workspace.postal_address,
            website=workspace.website,
        ),
    )


class _Frozen(dict[str, str]):
    """A small mapping that can be part of a key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


def recipient_of(message: LeasedMessage, own: Mapping[str, Any] | None = None) -> Recipient:
    """Return who a leased message goes to; a test carries no contact, so that its links change nobody's subscription.

    `own` are merge fields of the message itself.
    """
    message_id, contact_id, key, to_email, _, tracking, _, row = message
    fields = liquid_context(row) if row["email"] is not None else {"email": to_email}
    if own:
        fields = {**fields, **own}
    if to_email:
        return Recipient(message_id, 0, key, to_email, "", tracking, fields)
    name = str(fields.get("fullName", ""))
    return Recipient(message_id, contact_id or 0, key, row["email"] or "", name, tracking, fields)


def store_links(mailing_id: int, links: Mapping[int, TrackedLink]) -> None:
    """Write links that messages will redirect to; those that are known stay as they are."""
    if not links:
        return
    ids = sorted(links)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO delivery_link (id, mailing_id, url, label)
            SELECT link.id, %s, link.url, link.label FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS link (id, url, label)
            ON CONFLICT (id) DO NOTHING
            """,
            [mailing_id, ids, [links[i].url for i in ids], [links[i].label for i in ids]],
        )
