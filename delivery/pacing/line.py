"""The line before a mailbox in SQL: batches that can't leave yet are due one after the other, not all at once.

A tick then looks at the head of the line alone, however long it is. The dates are estimates; what makes the line shorter
than expected brings its next batch forward. Lock order: mailing, mailbox, batch.
"""

from datetime import datetime

from django.db import connection

from delivery import reasons
from delivery.models import Batch

# What waits for the mailbox's own limits.
PACED = (reasons.MAILBOX_RATE, reasons.MAILBOX_CAP, reasons.WARM_UP, reasons.PACING_UNREACHABLE)

# One key of PostgreSQL's advisory locks for each mailbox: of two workers that would order a line, one is enough.
_LOCKED = "pg_try_advisory_xact_lock(1346454343, (%(mailbox)s %% 2147483647)::int)"

# The partial index batch_line holds the queued batches of the mailbox alone.
_BEHIND = f"""
WITH line AS (
    SELECT batch.id, sum(cardinality(batch.message_ids)) OVER (ORDER BY batch.due_at, batch.id)
        - cardinality(batch.message_ids) AS before
    FROM delivery_batch batch JOIN delivery_mailing mailing ON mailing.id = batch.mailing_id
    WHERE batch.mailbox_id = %(mailbox)s AND batch.state = {Batch.State.QUEUED:d} AND batch.due_at < %(start)s
      AND batch.id <> %(besides)s AND NOT mailing.is_test
)
UPDATE delivery_batch batch
SET due_at = %(start)s + line.before * %(interval)s * interval '1 microsecond', reason = %(reason)s
FROM line WHERE batch.id = line.id AND batch.state = {Batch.State.QUEUED:d}
"""  # noqa: S608 - numbers of the models

_FORWARD = f"""
UPDATE delivery_batch SET due_at = %(now)s WHERE id = (
    SELECT id FROM delivery_batch
    WHERE mailbox_id = %(mailbox)s AND state = {Batch.State.QUEUED:d} AND reason = '{reasons.MAILBOX_RATE}'
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) AND due_at > %(now)s
"""  # noqa: S608 - numbers and words of this app


# Who clicked or opened last, first; people who never did keep their order. Within each mailing, as a batch belongs to one.
_MOST_ENGAGED = """
WITH batches AS (
    SELECT id, mailing_id, message_ids, due_at, cardinality(message_ids) AS size,
        sum(cardinality(message_ids)) OVER (PARTITION BY mailing_id ORDER BY due_at, id) AS upto
    FROM delivery_batch WHERE id = ANY(%(ids)s)
), ranked AS (
    SELECT batches.mailing_id, waiting.message_id, row_number() OVER (
        PARTITION BY batches.mailing_id
        ORDER BY greatest(c.last_opened_at, c.last_clicked_at) DESC NULLS LAST, batches.due_at, batches.id, waiting.place
    ) AS rank
    FROM batches CROSS JOIN LATERAL unnest(batches.message_ids) WITH ORDINALITY AS waiting (message_id, place)
    JOIN delivery_message message ON message.id = waiting.message_id
    LEFT JOIN contacts_contact c ON c.id = message.contact_id
), cut AS (
    SELECT batches.id, array_agg(ranked.message_id ORDER BY ranked.rank) AS message_ids
    FROM batches JOIN ranked ON ranked.mailing_id = batches.mailing_id
        AND ranked.rank > batches.upto - batches.size AND ranked.rank <= batches.upto
    GROUP BY batches.id
)
UPDATE delivery_batch batch SET message_ids = cut.message_ids FROM cut WHERE batch.id = cut.id
"""


def put_most_engaged_first(mailbox_id: int, *, now: datetime) -> int:
    """Deal out again who is in which of the mailbox's waiting batches: the most recently engaged in the first ones.

    For a day of the warm-up. Batches that wait for anything but the mailbox keep their people; so do those that a worker
    takes at this moment. Returns how many batches were dealt out. Runs in a transaction of the caller.
    """
    with connection.cursor() as cursor:
        # Locked first, and by itself: what a worker leases meanwhile must not be dealt out twice.
        cursor.execute(
            """
            SELECT batch.id FROM delivery_batch batch JOIN delivery_mailing mailing ON mailing.id = batch.mailing_id
            WHERE batch.mailbox_id = %s AND batch.state = %s AND (batch.due_at <= %s OR batch.reason = ANY(%s))
              AND NOT mailing.is_test
            ORDER BY batch.id FOR UPDATE OF batch SKIP LOCKED
            """,
            [mailbox_id, Batch.State.QUEUED, now, list(PACED)],
        )
        ids = [row[0] for row in cursor.fetchall()]
        if len(ids) > 0:
            cursor.execute(_MOST_ENGAGED, {"ids": ids})
        return len(ids)


def queue_behind(mailbox_id: int, *, start: datetime, interval: int, reason: str, besides: int) -> int:
    """Make the mailbox's other batches that are due before `start` due from then on, one behind the other.

    `interval` is in µs a message. Tests keep their place. Returns how many batches moved.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_LOCKED}", {"mailbox": mailbox_id})
        row = cursor.fetchone()
        if not row or not row[0]:
            return 0
        values: dict[str, int | str | datetime] = {
            "mailbox": mailbox_id,
            "start": start,
            "interval": interval,
            "reason": reason,
            "besides": besides,
        }
        cursor.execute(_BEHIND, values)
        return int(cursor.rowcount)


def bring_next_forward(mailbox_id: int, *, now: datetime) -> bool:
    """Make the next batch in the mailbox's line due: the one before it is through."""
    with connection.cursor() as cursor:
        cursor.execute(_FORWARD, {"mailbox": mailbox_id, "now": now})
        return bool(cursor.rowcount)


def release(mailbox_id: int, *, now: datetime) -> int:
    """Make all that waits for the mailbox's limits due: they have changed, and the next trip orders the line anew."""
    return Batch.objects.filter(
        mailbox_id=mailbox_id, state__in=(Batch.State.QUEUED, Batch.State.HELD), reason__in=PACED, due_at__gt=now
    ).update(due_at=now)
