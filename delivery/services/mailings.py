"""Mailings and the messages they are sent as: created, queued, held, cancelled."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction
from kombu.exceptions import OperationalError

from contacts.models import Contact
from core import clock, facts
from core.exceptions import InvalidInput
from delivery import own_fields, queue, reasons
from delivery.counters import Tally
from delivery.events import MessagesFinished
from delivery.exceptions import DeliveryError
from delivery.models import Mailbox, Mailing, Message, MessageState
from delivery.pacing.openings import openings_of
from delivery.pacing.windows import checked_window
from team.models import Workspace

logger = logging.getLogger(__name__)

MAX_QUEUED_AT_ONCE = 10_000
MAX_TEST_RECIPIENTS = 20
WAKE_SECONDS = 5
# Batches whose messages are cancelled at once; a task does the rest, so that cancelling a million returns soon.
CANCELLED_AT_ONCE = 20


def create_mailing(
    *,
    workspace: Workspace,
    name: str,
    format: str,  # noqa: A002 - the word of the domain
    subject: str,
    preheader: str = "",
    source: str,
    text_source: str = "",
    context: Mapping[str, Any] | None = None,
    track_opens: bool = True,
    track_clicks: bool = True,
    thread: Sequence[str] = (),
    from_name: str = "",
) -> Mailing:
    """Freeze one piece of mail; `context` holds merge fields that are the same for all recipients (campaign.*).

    `thread` are the names of the emails that it answers (`delivery.threads`), `from_name` is who it says it is from (empty: as the mailbox).
    """
    return Mailing.objects.create(
        workspace=workspace,
        name=name,
        format=format,
        subject=subject,
        preheader=preheader,
        source=source,
        text_source=text_source,
        context=dict(context or {}),
        own_fields=own_fields.uses_own_fields(subject, preheader, source, text_source),
        track_opens=track_opens,
        track_clicks=track_clicks,
        thread=list(thread),
        from_name=from_name,
    )


@transaction.atomic
def queue_messages(
    *,
    mailing: Mailing,
    contact_ids: Sequence[int],
    mailbox_ids: Sequence[int],
    keys: Sequence[str],
    due_at: datetime,
    now: datetime,
    fields: Sequence[Mapping[str, Any] | None] | None = None,
    stratum: int | Sequence[int] = 0,
) -> int:
    """Write one message a contact (parallel sequences, at most 10,000) and wake the workers; return how many were new.

    `fields` are merge fields that each has of its own ({"event": {…}}), for a mailing that uses them (`own_fields`).

    `stratum` is the part of a test that they go out with, of all or of each.

    A key that exists in the workspace is skipped, so calling twice is harmless. The given order is the order of sending.
    Raises DeliveryError if the mailing is cancelled, ValueError if the sequences differ in length or are too long.
    """
    if not len(contact_ids) == len(mailbox_ids) == len(keys):
        raise ValueError("contact_ids, mailbox_ids and keys must have the same length.")
    if len(keys) > MAX_QUEUED_AT_ONCE:
        raise ValueError(f"At most {MAX_QUEUED_AT_ONCE} messages can be queued at once.")
    strata = ([stratum] * len(keys) if stratum else None) if isinstance(stratum, int) else list(stratum)
    if strata is not None and len(strata) != len(keys):
        raise ValueError("Give each message its stratum.")
    queued = _queue(mailing, contact_ids, mailbox_ids, keys, [""] * len(keys), due_at, now, strata) if keys else 0
    if queued and fields is not None:
        own_fields.write(mailing.workspace_id, keys, fields)
    return queued


def _queue(
    mailing: Mailing,
    contact_ids: Sequence[int | None],
    mailbox_ids: Sequence[int],
    keys: Sequence[str],
    to_emails: Sequence[str],
    due_at: datetime,
    now: datetime,
    strata: Sequence[int] | None = None,
) -> int:
    state = queue.share_mailing(mailing.pk)
    if state == Mailing.State.CANCELLED:
        raise DeliveryError("This mailing was cancelled.", code="mailing_cancelled")
    mailboxes = set(mailbox_ids)
    if queue.share_mailboxes(mailboxes, workspace_id=mailing.workspace_id) != len(mailboxes):
        raise DeliveryError("A mailbox is missing or belongs to another workspace.", code="mailbox_missing")
    queued = queue.insert_messages(
        mailing=mailing,
        held=state == Mailing.State.PAUSED,
        contact_ids=contact_ids,
        mailbox_ids=mailbox_ids,
        keys=keys,
        to_emails=to_emails,
        due_at=due_at,
        now=now,
        strata=strata,
        engaged_first=Mailbox.objects.filter(pk__in=mailboxes, ramp_start__isnull=False).exists(),
        **_openings(mailing, contact_ids, max(due_at, now)),
    )
    if queued:
        tally = Tally()
        tally.mailing(mailing.pk, now, "queued", queued)
        tally.write()
        if due_at <= now:
            transaction.on_commit(wake_workers)
    return queued


def _openings(mailing: Mailing, contact_ids: Sequence[int | None], moment: datetime) -> dict[str, Any]:
    """Return what `queue.insert_messages` needs to know of windows and quiet hours."""
    rules = openings_of(mailing)
    if rules is None:
        return {}
    closed = rules.by_zone(queue.time_zones_of(contact_ids), moment)
    reason = reasons.WINDOW if rules.window is not None else reasons.QUIET_HOURS
    return {"openings": {zone: opening.at for zone, opening in closed.items()}, "reason": reason}


@transaction.atomic
def set_mailing_state(mailing_ids: Sequence[int], state: str) -> None:
    """Pause, resume or cancel mailings and what of them still waits.  A cancelled mailing stays cancelled."""
    ids = sorted(set(mailing_ids))
    mailings = Mailing.objects.filter(pk__in=ids).exclude(state=Mailing.State.CANCELLED)
    list(mailings.order_by("pk").select_for_update().values_list("pk", flat=True))
    match Mailing.State(state):
        case Mailing.State.PAUSED:
            mailings.update(state=state)
            queue.hold_batches(mailing_ids=ids)
        case Mailing.State.RUNNING:
            mailings.update(state=state)
            if queue.release_batches(mailing_ids=ids):
                transaction.on_commit(wake_workers)
        case Mailing.State.CANCELLED:
            mailings.update(state=state)
            queue.cancel_batches(ids)
            if _settle_cancelled(CANCELLED_AT_ONCE) == CANCELLED_AT_ONCE:
                transaction.on_commit(_wake_settling)


@transaction.atomic
def set_mailing_window(mailing_ids: Sequence[int], window: Mapping[str, Any] | None) -> None:
    """Let mailings leave only within the window, by the clocks of their recipients; what waits for the old one asks again.

    `window` is {"weekdays": [0, …], "start": "09:00", "end": "17:00"}, with 0 for Monday; None or {}: at any time.
    Raises InvalidInput.
    """
    Mailing.objects.filter(pk__in=mailing_ids).update(window=checked_window(window))
    if queue.ask_again(mailing_ids, reasons=(reasons.WINDOW, reasons.QUIET_HOURS), now=clock.now()):
        transaction.on_commit(wake_workers)


def settle_cancelled() -> int:
    """Cancel the messages of all cancelled batches, a few batches a transaction; return how many batches."""
    settled = 0
    while True:
        with transaction.atomic():
            taken = _settle_cancelled(CANCELLED_AT_ONCE)
        settled += taken
        if taken < CANCELLED_AT_ONCE:
            return settled


def _settle_cancelled(limit: int) -> int:
    now = clock.now()
    batches, cancelled = queue.settle_cancelled(limit=limit, reason="mailing_cancelled", now=now)
    _record_cancelled(cancelled, now)
    return batches


@transaction.atomic
def cancel_messages(*, message_ids: Sequence[int], reason: str) -> int:
    """Cancel those of the messages that still wait; `reason` is a code of `delivery.reasons`; return how many."""
    cancelled = queue.cancel_waiting(message_ids, reason=reason)
    _record_cancelled(cancelled, clock.now())
    return sum(len(group.message_ids) for group in cancelled)


def _record_cancelled(cancelled: Sequence[queue.Cancelled], now: datetime) -> None:
    tally = Tally()
    workspaces = dict(
        Mailing.objects.filter(pk__in=[group.mailing_id for group in cancelled]).values_list("pk", "workspace_id")
    )
    state = MessageState.CANCELLED.name.lower()
    for group in cancelled:
        tally.mailing(group.mailing_id, now, "cancelled", len(group.message_ids))
        facts.record(
            MessagesFinished(group.mailing_id, group.message_ids, state),
            workspace_id=workspaces[group.mailing_id],
            occurred_at=now,
        )
    tally.write()


@transaction.atomic
def send_test(
    *,
    workspace: Workspace,
    mailbox: Mailbox,
    to: Sequence[str],
    format: str,  # noqa: A002 - the word of the domain
    subject: str,
    source: str,
    preheader: str = "",
    text_source: str = "",
    context: Mapping[str, Any] | None = None,
    contact: Contact | None = None,
    track_opens: bool = False,
    track_clicks: bool = False,
    due_at: datetime | None = None,
    keys: Sequence[str] = (),
    from_name: str = "",
) -> list[int]:
    """Send one email to addresses of the team, rendered for `contact`, through the ledger and the wire like any other.

    Its own mailing (`is_test`) keeps it out of every report; its unsubscribe link changes nothing.  It leaves at `due_at` (None: at
    once); `keys` are those of the messages, one an address in order (if not given they are made up).
    Returns the messages' ids. Raises InvalidInput without recipients or with more than 20, DeliveryError if the
    mailbox is paused.
    """
    addresses = list(dict.fromkeys(address.strip() for address in to if address.strip()))
    if not addresses or len(addresses) > MAX_TEST_RECIPIENTS:
        message = f"Give between one and {MAX_TEST_RECIPIENTS} addresses."
        raise InvalidInput(message, fields={"to": [message]})
    if mailbox.status != Mailbox.Status.ACTIVE:
        raise DeliveryError(f"The mailbox {mailbox.from_email} is paused.", code="mailbox_paused")
    mailing = create_mailing(
        workspace=workspace,
        name=f"Test: {subject}"[:200],
        format=format,
        subject=subject,
        preheader=preheader,
        source=source,
        text_source=text_source,
        context=context,
        track_opens=track_opens,
        track_clicks=track_clicks,
        from_name=from_name,
    )
    mailing.is_test = True
    mailing.save(update_fields=["is_test"])
    now = clock.now()
    count = len(addresses)
    keys = keys or [f"test:{uuid4()}" for _ in addresses]
    contact_ids = [contact.pk if contact else None] * count
    _queue(mailing, contact_ids, [mailbox.pk] * count, keys, addresses, due_at or now, now)
    return list(Message.objects.filter(mailing=mailing).order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def send_single(*, mailing: Mailing, mailbox: Mailbox, to: str, key: str, fields: Mapping[str, Any]) -> bool:
    """Send one message that somebody has asked for themselves (a confirmation) to an address, which need be no contact's.

    Through the ledger and the wire like any other; the same `key` twice is one message.  `mailing` must be one of
    `create_mailing` with `is_test`, which keeps it out of reports.  Suppression does not stop it.
    """
    now = clock.now()
    queued = _queue(mailing, [None], [mailbox.pk], [key], [to], now, now)
    own_fields.write(mailing.workspace_id, [key], [fields])
    return bool(queued)


def wake_workers() -> None:
    """Tell a worker that mail is due.  Without a broker the next beat finds it."""
    from delivery.tasks import dispatch

    try:
        # Beat asks again every second, so a call that finds no free worker soon is of no use any more.
        dispatch.apply_async(retry=False, expires=WAKE_SECONDS)
    except OperationalError:
        logger.warning("No broker: due mail waits for the next beat.")


def _wake_settling() -> None:
    from delivery.tasks import settle_cancelled as task

    try:
        task.apply_async(retry=False)
    except OperationalError:
        logger.warning("No broker: cancelled messages are settled at the next beat.")
