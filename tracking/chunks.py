"""The buffer's reading end in Redis: hits leave it in chunks that survive whoever took them."""

import uuid
from typing import cast

import redis

HITS_KEY = b"drumbeat:hits"
OPEN_CHUNKS_KEY = b"drumbeat:hits:chunks"
CHUNK_PREFIX = b"drumbeat:hits:chunk:"

# One step for Redis: what leaves the list is in the chunk, and the chunk is known, or nothing happened.
_TAKE = """
local hits = redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1)
if #hits == 0 then return hits end
redis.call('RPUSH', KEYS[2], unpack(hits))
redis.call('LTRIM', KEYS[1], #hits, -1)
redis.call('SADD', KEYS[3], ARGV[2])
return hits
"""


def take(client: redis.Redis, *, limit: int) -> tuple[uuid.UUID, list[bytes]] | None:
    """Move up to `limit` hits (at most 5,000) into a new chunk and return it; None if there are none.

    The chunk stays in Redis until `discard`; if its taker dies, `left_behind` names it.
    """
    chunk = uuid.uuid4()
    hits = client.eval(_TAKE, 3, HITS_KEY, _key(chunk), OPEN_CHUNKS_KEY, limit, chunk.bytes)
    return (chunk, cast("list[bytes]", hits)) if hits else None


def left_behind(client: redis.Redis) -> list[uuid.UUID]:
    """Return the chunks that were taken and not discarded, by another drainer or a dead one."""
    return sorted(uuid.UUID(bytes=member) for member in cast("set[bytes]", client.smembers(OPEN_CHUNKS_KEY)))


def read(client: redis.Redis, chunk: uuid.UUID) -> list[bytes]:
    """Return the hits of a chunk; none if it has been discarded."""
    return cast("list[bytes]", client.lrange(_key(chunk).decode(), 0, -1))


def discard(client: redis.Redis, chunk: uuid.UUID) -> None:
    """Forget a chunk that is in the event store.  Twice is harmless."""
    with client.pipeline(transaction=True) as pipeline:
        pipeline.delete(_key(chunk))
        pipeline.srem(OPEN_CHUNKS_KEY, chunk.bytes)
        pipeline.execute()


def waiting(client: redis.Redis) -> int:
    """Return how many hits nobody has taken yet."""
    return client.llen(HITS_KEY.decode())


def _key(chunk: uuid.UUID) -> bytes:
    return CHUNK_PREFIX + chunk.hex.encode()
