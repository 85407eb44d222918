"""Letting contacts into triggered campaigns: those whom a trigger calls, and those who wait to be tried again."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from campaigns import selectors
from campaigns.admission import HELD_OUT, NO_MAILBOX, TRIED_AGAIN, Newcomer, Verdict, judge
from campaigns.models import Arrival, Launch, Trigger
from campaigns.rotation import assign_mailboxes
from campaigns.services import waking
from campaigns.services.holding import hold_out
from core import clock
from sequences import services as sequences
from sequences.exceptions import SequenceError

# Who is held off by the entry filter is tried again so often, for so long.
RETRY = timedelta(minutes=30)
PATIENCE = timedelta(hours=24)
CHUNK = 5_000


@transaction.atomic
def admit(trigger: Trigger, newcomers: Sequence[Newcomer], *, now: datetime) -> int:
    """Let in who may enter and return how many did; keep those to be tried again, and those turned away, as arrivals.

    Twice is harmless: an entry has its key.  At most 10,000 newcomers.
    """
    if not newcomers:
        return 0
    verdicts = judge(trigger, newcomers, now)
    welcome = [verdict for verdict in verdicts if not verdict.refusal]
    entered = 0
    if welcome:
        pool = [mailbox.pk for mailbox in selectors.mailboxes_of(trigger.campaign)]
        if pool:
            entered = _enrol(trigger, welcome, pool, now)
        else:
            verdicts = [verdict if verdict.refusal else verdict._replace(refusal=NO_MAILBOX) for verdict in verdicts]
    held = [verdict.newcomer.contact_id for verdict in verdicts if verdict.refusal == HELD_OUT]
    if held:
        hold_out(trigger.campaign, held, now=now)
    _keep(trigger, [verdict for verdict in verdicts if verdict.refusal], now)
    return entered


def _enrol(trigger: Trigger, welcome: Sequence[Verdict], pool: Sequence[int], now: datetime) -> int:
    contact_ids = [verdict.newcomer.contact_id for verdict in welcome]
    try:
        entered = sequences.enrol_contacts(
            sequence=trigger.campaign.sequence,
            contact_ids=contact_ids,
            mailbox_ids=assign_mailboxes(pool=pool, contact_ids=contact_ids),
            due_at=now,
            entry_key=[verdict.entry_key for verdict in welcome],
            event_ids=[verdict.newcomer.event_id for verdict in welcome],
            now=now,
            send_at_once=True,
        )
    except SequenceError:  # closed this very moment: nobody enters any more
        return 0
    if entered:
        Launch.objects.filter(campaign=trigger.campaign_id).update(enrolled=F("enrolled") + entered)
    return entered


def _keep(trigger: Trigger, refused: Sequence[Verdict], now: datetime) -> None:
    """Write who waits and who was turned away; a later call of somebody turned away begins anew."""
    if not refused:
        return
    rows = []
    for (_, contact_id), verdict in {(v.entry_key, v.newcomer.contact_id): v for v in refused}.items():
        newcomer = verdict.newcomer
        waits = verdict.refusal in TRIED_AGAIN and now + RETRY <= newcomer.arrived_at + PATIENCE
        state = Arrival.State.WAITING if waits else Arrival.State.TURNED_AWAY
        rows.append((contact_id, verdict.entry_key, newcomer.event_id, state, verdict.refusal, newcomer.arrived_at))
    columns = list(zip(*rows, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO campaigns_arrival AS a
                (trigger_id, contact_id, entry_key, event_id, state, reason, arrived_at, try_at)
            SELECT %s, given.* , %s
            FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::smallint[], %s::text[], %s::timestamptz[]) AS given
            ORDER BY 2, 3
            ON CONFLICT (trigger_id, contact_id, entry_key) DO UPDATE SET
                event_id = excluded.event_id, state = excluded.state, reason = excluded.reason,
                arrived_at = excluded.arrived_at, try_at = excluded.try_at
            """,
            [trigger.pk, now + RETRY, *map(list, columns)],
        )


@transaction.atomic
def call(trigger_ids: Iterable[int], contact_ids: Sequence[int], *, now: datetime) -> None:
    """Note that contacts were called by these triggers, in the caller's transaction; a worker lets them in soon after."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO campaigns_arrival AS a (trigger_id, contact_id, arrived_at, try_at)
            SELECT trigger_id, contact_id, %s, %s FROM unnest(%s::bigint[]) AS trigger_id,
                unnest(%s::bigint[]) AS contact_id
            ORDER BY 1, 2
            ON CONFLICT (trigger_id, contact_id, entry_key) DO UPDATE SET
                state = excluded.state, reason = '', arrived_at = excluded.arrived_at, try_at = excluded.try_at
            """,
            [now, now, list(trigger_ids), list(contact_ids)],
        )
    waking.wake_arrivals()


def admit_due(*, now: datetime | None = None) -> int:
    """Try those whose time has come, batch by batch; return how many were tried.  Any number of workers may do so."""
    tried = 0
    while batch := _admit_batch(now or clock.now()):
        tried += batch
    return tried


@transaction.atomic
def _admit_batch(now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM campaigns_arrival WHERE id = ANY (ARRAY(
                SELECT id FROM campaigns_arrival WHERE state = 0 AND try_at <= %s
                ORDER BY try_at LIMIT %s FOR UPDATE SKIP LOCKED))
            RETURNING trigger_id, contact_id, entry_key, event_id, arrived_at
            """,
            [now, CHUNK],
        )
        rows = cursor.fetchall()
    by_trigger: dict[int, list[Newcomer]] = {}
    for trigger_id, *newcomer in rows:
        by_trigger.setdefault(trigger_id, []).append(Newcomer(*newcomer))
    live = selectors.live_triggers().filter(pk__in=by_trigger)
    for trigger in live.order_by("pk"):
        admit(trigger, by_trigger[trigger.pk], now=now)
    return len(rows)
