"""What the ledger no longer needs: batches that are done, and the log of single attempts.  The messages themselves stay.

Both are read in the order of their ids, which is nearly that of time, and from the oldest on: a run costs what it deletes,
never what exists.
"""

from datetime import datetime

from django.db import connection

from delivery.models import Batch

_BATCHES = f"""
WITH oldest AS (
    SELECT id, finished_at FROM delivery_batch WHERE state IN ({Batch.State.DONE:d}, {Batch.State.CANCELLED:d})
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)
DELETE FROM delivery_batch batch USING oldest WHERE batch.id = oldest.id AND oldest.finished_at < %s
"""  # noqa: S608 - numbers of the model

_ATTEMPTS = """
WITH oldest AS (SELECT id, at FROM delivery_attempt ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
DELETE FROM delivery_attempt attempt USING oldest WHERE attempt.id = oldest.id AND oldest.at < %s
"""


def delete_batches(*, before: datetime, limit: int) -> int:
    """Delete batches that were done before this moment, looking at the oldest `limit`; return how many."""
    return _delete(_BATCHES, before, limit)


def delete_attempts(*, before: datetime, limit: int) -> int:
    """Delete attempts that were made before this moment, looking at the oldest `limit`; return how many."""
    return _delete(_ATTEMPTS, before, limit)


def _delete(sql: str, before: datetime, limit: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, [limit, before])
        return int(cursor.rowcount)
