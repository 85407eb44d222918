"""Letting go of what nobody asks for any more, a little at a time."""

from datetime import timedelta

from django.conf import settings

from core import clock
from delivery import retention

# Rows a transaction: locks stay short and replicas keep up.
AT_ONCE = 5_000


def tidy_ledger(*, at_once: int = AT_ONCE) -> int:
    """Delete done batches and logged attempts that are older than the settings keep them; return how many rows.

    BATCH_RETENTION_DAYS is longer than a machine may stay away and still tell what it sent. 0 days keep for ever.
    """
    deleted = 0
    for delete, days in (
        (retention.delete_batches, settings.BATCH_RETENTION_DAYS),
        (retention.delete_attempts, settings.ATTEMPT_RETENTION_DAYS),
    ):
        if not days:
            continue
        before = clock.now() - timedelta(days=days)
        while taken := delete(before=before, limit=at_once):
            deleted += taken
            if taken < at_once:
                break
    return deleted
