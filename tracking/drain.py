"""The drainer: moves the buffer into the event store, each hit exactly once.

A chunk is taken out of Redis's list and named in one step, committed together with its name, and only then discarded. Whoever
is killed in between leaves a named chunk behind: the next drainer finds it, and the store says whether it is in already.
Several drainers are harmless: they take different chunks, and the store takes one chunk at a time.
"""

import logging
import uuid
from collections.abc import Iterable

import redis
from django.db import connection, transaction

from core import redis as core_redis
from tracking import chunks, store
from tracking.hits import Hit, UnreadableHitError, decode
from tracking.ingest import ingest
from tracking.models import DrainedChunk

logger = logging.getLogger(__name__)

CHUNK_SIZE = 2_000


def drain() -> int:
    """Bring everything that waits into the event store and return how many hits that were.

    Raises what PostgreSQL or Redis raise; nothing is lost by it, and what the other of the two holds has been brought in.
    """
    drained = drain_database_buffer()
    client = core_redis.client()
    drained += _settle_left_behind(client)
    while (taken := chunks.take(client, limit=CHUNK_SIZE)) is not None:
        drained += settle(client, *taken)
    return drained


def drain_database_buffer() -> int:
    """Bring in what the endpoint wrote to PostgreSQL while Redis was away; return how many hits that were."""
    drained = 0
    while True:
        with transaction.atomic():
            data = _take_from_database()
            if not data:
                return drained
            ingest(_readable(data))
        drained += len(data)


def settle(client: redis.Redis, chunk: uuid.UUID, data: list[bytes]) -> int:
    """Commit a chunk with its name, unless it is in the store already, and discard it; return how many hits it held."""
    with transaction.atomic():
        store.lock()
        if not DrainedChunk.objects.filter(pk=chunk).exists():
            events = ingest(_readable(data))
            DrainedChunk.objects.create(id=chunk, hits=len(data), events=events)
    chunks.discard(client, chunk)
    return len(data)


def _settle_left_behind(client: redis.Redis) -> int:
    drained = 0
    for chunk in chunks.left_behind(client):
        data = chunks.read(client, chunk)
        if not data:
            chunks.discard(client, chunk)
            continue
        try:
            drained += settle(client, chunk, data)
        except redis.RedisError:
            raise
        except Exception:
            # One chunk that the store refuses must not hold up all others.
            if not connection.is_usable():
                raise
            logger.exception("Chunk %s is not taken; it stays in Redis and is tried again.", chunk)
    return drained


def _take_from_database() -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM tracking_bufferedhit WHERE id IN (
                SELECT id FROM tracking_bufferedhit ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
            RETURNING data
            """,
            [CHUNK_SIZE],
        )
        return [bytes(row[0]) for row in cursor.fetchall()]


def _readable(data: Iterable[bytes]) -> list[Hit]:
    hits = []
    for record in data:
        try:
            hits.append(decode(record))
        except UnreadableHitError as error:
            logger.warning("A hit is dropped: %s", error)
    return hits
