"""The queue in SQL: messages and their batches are written, held, released and cancelled set by set.

A tick looks only at batches that are queued and due (partial index `batch_due`); a batch of a paused mailing or mailbox is
*held* and costs nothing. Lock order: mailing, mailbox, batch, message, counter.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from core.literals import numbers, texts
from delivery.models import Batch, Mailbox, Mailing, MessageState

BATCH_SIZE = 1000
_NONE: Mapping[str, datetime] = {}
WAITING = (int(MessageState.QUEUED), int(MessageState.DEFERRED))


class Cancelled(NamedTuple):
    """Messages of one mailing that were waiting and now never leave."""

    mailing_id: int
    message_ids: list[int]


# One statement: the unique key of (workspace, key) makes it harmless to run twice, and only new rows get into batches.
# Ids follow the given order (the sort feeds the insert), so that a batch is a run of neighbours on the page.
_INSERT = f"""
WITH input AS (
    SELECT * FROM unnest(%(contacts)s::bigint[], %(mailboxes)s::bigint[], %(keys)s::text[], %(addresses)s::text[]{{strata}})
        WITH ORDINALITY AS input (contact_id, mailbox_id, key, to_email{{stratum}}, place)
), fresh AS (
    INSERT INTO delivery_message (
        workspace_id, mailing_id, contact_id, mailbox_id, key, to_email, is_test, created_at, due_at{{stratum}})
    SELECT %(workspace)s, %(mailing)s, contact_id, mailbox_id, key, to_email, %(is_test)s, %(now)s, {{due_at}}{{stratum}}
    FROM input {{joins}} ORDER BY {{order}} place
    ON CONFLICT (workspace_id, key) DO NOTHING
    RETURNING id, mailbox_id, due_at
), placed AS (
    SELECT id, mailbox_id, due_at,
        (row_number() OVER (PARTITION BY mailbox_id, due_at ORDER BY id) - 1) / {BATCH_SIZE} AS chunk
    FROM fresh
), batched AS (
    INSERT INTO delivery_batch (mailing_id, mailbox_id, message_ids, state, due_at, reason)
    SELECT %(mailing)s, placed.mailbox_id, array_agg(placed.id ORDER BY placed.id),
        CASE WHEN %(held)s OR mailbox.status <> 'active' THEN {Batch.State.HELD:d} ELSE {Batch.State.QUEUED:d} END,
        placed.due_at, CASE WHEN placed.due_at > %(due_at)s THEN %(reason)s ELSE '' END
    FROM placed JOIN delivery_mailbox mailbox ON mailbox.id = placed.mailbox_id
    GROUP BY placed.mailbox_id, mailbox.status, placed.due_at, placed.chunk
)
SELECT count(*) FROM fresh
"""  # noqa: S608 - numbers of this module
_CONTACTS = "LEFT JOIN contacts_contact c ON c.id = input.contact_id"
# While a mailbox warms up its few messages go to those who clicked or opened last; else the given order is kept.
_ENGAGED = "greatest(c.last_opened_at, c.last_clicked_at) DESC NULLS LAST,"
# In a zone whose window is closed a message is due when it opens, in batches of its own.
_OPENINGS = "LEFT JOIN unnest(%(zones)s::text[], %(openings)s::timestamptz[]) AS opening (zone, at) ON opening.zone = c.time_zone"


def _insert(*, engaged_first: bool, windowed: bool, in_strata: bool) -> str:
    joins = [_CONTACTS] if engaged_first or windowed else []
    joins += [_OPENINGS] if windowed else []
    due_at = "coalesce(opening.at, %(due_at)s)" if windowed else "%(due_at)s"
    return _INSERT.format(
        joins=" ".join(joins),
        order=_ENGAGED if engaged_first else "",
        due_at=due_at,
        strata=", %(strata)s::smallint[]" if in_strata else "",
        stratum=", stratum" if in_strata else "",
    )


def time_zones_of(contact_ids: Collection[int | None]) -> list[str]:
    """Return the time zones that contacts have ("" among them if one has none)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT time_zone FROM contacts_contact WHERE id = ANY(%s)", [list(contact_ids)])
        return [row[0] for row in cursor.fetchall()]


def share_mailing(mailing_id: int) -> str:
    """Lock a mailing against a change of its state and return the state.

    A pause or cancellation then waits until the caller's messages are in, and holds or cancels them too.
    Raises Mailing.DoesNotExist.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM delivery_mailing WHERE id = %s FOR SHARE", [mailing_id])
        row = cursor.fetchone()
    if row is None:
        raise Mailing.DoesNotExist
    return str(row[0])


def share_mailboxes(mailbox_ids: Collection[int], *, workspace_id: int) -> int:
    """Lock the workspace's mailboxes among these against a pause, and return how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM delivery_mailbox WHERE id = ANY(%s) AND workspace_id = %s AND archived_at IS NULL"
            " ORDER BY id FOR SHARE",
            [list(mailbox_ids), workspace_id],
        )
        return len(cursor.fetchall())


def insert_messages(
    *,
    mailing: Mailing,
    held: bool,
    contact_ids: Sequence[int | None],
    mailbox_ids: Sequence[int],
    keys: Sequence[str],
    to_emails: Sequence[str],
    due_at: datetime,
    now: datetime,
    engaged_first: bool = False,
    openings: Mapping[str, datetime] = _NONE,
    reason: str = "",
    strata: Sequence[int] | None = None,
) -> int:
    """Write messages and their batches; return how many were new.  The mailing and the mailboxes are locked by the caller.

    `strata` are the parts of a test that they go out with, None: of no test.
    `openings` maps the time zones of contacts who have to wait to the moment from which they needn't, `reason` says why.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _insert(engaged_first=engaged_first, windowed=bool(openings), in_strata=strata is not None),
            {
                "zones": list(openings),
                "openings": list(openings.values()),
                "reason": reason,
                "contacts": numbers(contact_ids),
                "mailboxes": numbers(mailbox_ids),
                "keys": texts(keys),
                "addresses": texts(to_emails),
                "workspace": mailing.workspace_id,
                "mailing": mailing.pk,
                "is_test": mailing.is_test,
                "held": held,
                "now": now,
                "due_at": due_at,
                **({} if strata is None else {"strata": numbers(strata)}),
            },
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def hold_batches(*, mailing_ids: Sequence[int] = (), mailbox_id: int | None = None) -> int:
    """Take the queued batches of mailings or of a mailbox off the due index."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_batch SET state = %s WHERE state = %s AND (mailing_id = ANY(%s) OR mailbox_id = %s)",
            [Batch.State.HELD, Batch.State.QUEUED, list(mailing_ids), mailbox_id],
        )
        return int(cursor.rowcount)


def release_batches(*, mailing_ids: Sequence[int] = (), mailbox_id: int | None = None) -> int:
    """Put held batches back on the due index, where both the mailing runs and the mailbox is active."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_batch batch SET state = %s
            FROM delivery_mailing mailing, delivery_mailbox mailbox
            WHERE batch.state = %s AND (batch.mailing_id = ANY(%s) OR batch.mailbox_id = %s)
              AND mailing.id = batch.mailing_id AND mailing.state = %s
              AND mailbox.id = batch.mailbox_id AND mailbox.status = %s
            """,
            [
                Batch.State.QUEUED,
                Batch.State.HELD,
                list(mailing_ids),
                mailbox_id,
                Mailing.State.RUNNING,
                Mailbox.Status.ACTIVE,
            ],
        )
        return int(cursor.rowcount)


def postpone_batches(mailbox_id: int, *, until: datetime) -> int:
    """Make the queued batches of a mailbox whose server is away due later, so that no tick looks at them before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_batch SET due_at = %s, postponed = true WHERE mailbox_id = %s AND state = %s AND due_at < %s",
            [until, mailbox_id, Batch.State.QUEUED, until],
        )
        return int(cursor.rowcount)


def unpostpone_batches(mailbox_id: int, *, now: datetime) -> int:
    """Make what waits only for the mailbox's server due now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_batch SET due_at = %s, postponed = false"
            " WHERE mailbox_id = %s AND state IN (%s, %s) AND postponed AND due_at > %s",
            [now, mailbox_id, Batch.State.QUEUED, Batch.State.HELD, now],
        )
        return int(cursor.rowcount)


def ask_again(mailing_ids: Sequence[int], *, reasons: Sequence[str], now: datetime) -> int:
    """Make due what of these mailings waits for one of the reasons; return how many batches."""
    waiting = Batch.objects.filter(mailing_id__in=mailing_ids, state__in=(Batch.State.QUEUED, Batch.State.HELD))
    return waiting.filter(reason__in=reasons, due_at__gt=now).update(due_at=now)


def delay_batch(batch_id: int, *, until: datetime) -> None:
    """Make one queued batch due later."""
    Batch.objects.filter(pk=batch_id, state=Batch.State.QUEUED, due_at__lt=until).update(due_at=until)


def open_batches_of_mailbox(mailbox_id: int) -> int:
    """Return how many batches of the mailbox still have something to send."""
    waiting = (Batch.State.QUEUED, Batch.State.HELD, Batch.State.LEASED)
    return Batch.objects.filter(mailbox_id=mailbox_id, state__in=waiting).count()


def cancel_batches(mailing_ids: Sequence[int]) -> int:
    """Take all waiting batches of cancelled mailings out of the queue; `settle_cancelled` then tells their messages."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_batch SET state = %s WHERE mailing_id = ANY(%s) AND state IN (%s, %s)",
            [Batch.State.CANCELLED, list(mailing_ids), Batch.State.QUEUED, Batch.State.HELD],
        )
        return int(cursor.rowcount)


def settle_cancelled(*, limit: int, reason: str, now: datetime) -> tuple[int, list[Cancelled]]:
    """Cancel the waiting messages of at most `limit` cancelled batches; return how many batches, and whose messages."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_batch SET finished_at = %s WHERE id IN (
                SELECT id FROM delivery_batch WHERE state = %s AND finished_at IS NULL ORDER BY id
                LIMIT %s FOR UPDATE SKIP LOCKED)
            RETURNING message_ids
            """,
            [now, Batch.State.CANCELLED, limit],
        )
        batches = cursor.fetchall()
    ids = [message_id for (message_ids,) in batches for message_id in message_ids]
    return len(batches), cancel_waiting(ids, reason=reason) if ids else []


def cancel_waiting(message_ids: Sequence[int], *, reason: str) -> list[Cancelled]:
    """Cancel those of the messages that still wait, and return them by mailing.

    A message that is on the wire right now may yet be accepted: then the receipt has the last word.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH locked AS (
                SELECT id FROM delivery_message WHERE id = ANY(%s) AND state = ANY(%s) ORDER BY id FOR UPDATE
            ), changed AS (
                UPDATE delivery_message message SET state = %s, reason = %s FROM locked
                WHERE message.id = locked.id AND message.state = ANY(%s) RETURNING message.mailing_id, message.id
            )
            SELECT mailing_id, array_agg(id ORDER BY id) FROM changed GROUP BY mailing_id ORDER BY mailing_id
            """,
            [list(message_ids), list(WAITING), MessageState.CANCELLED, reason, list(WAITING)],
        )
        return [Cancelled(*row) for row in cursor.fetchall()]
