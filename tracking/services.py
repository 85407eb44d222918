"""Every write of tracking."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from contacts.events import ContactsDeleted
from core import clock
from tracking import drain as drainer
from tracking import store
from tracking.hits import Hit
from tracking.ingest import ingest
from tracking.models import DrainedChunk
from tracking.partitions import Month, drop_month, ensure_months, existing_months, month_of

MONTHS_AHEAD = 2
CHUNKS_KEPT = timedelta(days=7)


def drain() -> int:
    """Bring everything that waits in the buffer into the event store; return how many hits that were."""
    return drainer.drain()


def record_hits(hits: Sequence[Hit]) -> int:
    """Take hits in as the drainer does, without the buffer; return how many events were new.

    For imports and the demo: ids come from `tracking.hits.id_generator`. Chunks are committed one by one.
    """
    events = 0
    for start in range(0, len(hits), drainer.CHUNK_SIZE):
        with transaction.atomic():
            events += ingest(hits[start : start + drainer.CHUNK_SIZE])
    return events


def prepare_partitions() -> list[Month]:
    """Make the partitions of this and the next months; return those that were missing."""
    current = month_of(clock.now())
    return ensure_months(current.plus(ahead) for ahead in range(MONTHS_AHEAD + 1))


def drop_old_events(*, months: int) -> list[Month]:
    """Drop the partitions of all but this and the last `months` months; return which those were.

    Counters and the messages' first times stay. Must not run inside a transaction.
    """
    oldest_kept = month_of(clock.now()).plus(-months)
    dropped = [month for month in existing_months() if month < oldest_kept]
    for month in dropped:
        drop_month(month)
    return dropped


def tidy_event_store() -> None:
    """Do what is due now and then: partitions ahead, retention (EVENT_RETENTION_MONTHS), old names of chunks."""
    prepare_partitions()
    if settings.EVENT_RETENTION_MONTHS:
        drop_old_events(months=settings.EVENT_RETENTION_MONTHS)
    DrainedChunk.objects.filter(drained_at__lt=clock.now() - CHUNKS_KEPT).delete()


def forget_contacts(event: ContactsDeleted) -> None:
    """Take what leads to deleted contacts out of their events; what they count for stays."""
    store.forget_contacts(event.contact_ids)
