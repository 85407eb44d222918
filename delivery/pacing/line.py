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
