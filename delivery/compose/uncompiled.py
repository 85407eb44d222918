"""How much mail python-liquid still renders: a count in Redis, for the metrics.  No mail waits for it."""

from contextlib import suppress

from redis.exceptions import RedisError

from core import redis

_KEY = "delivery:uncompiled"


def count_uncompiled(messages: int) -> None:
    """Add messages of which python-liquid rendered some; does nothing when Redis is away."""
    if messages:
        with suppress(RedisError):
            redis.impatient_client().incrby(_KEY, messages)


def uncompiled() -> int:
    """Return the count since Redis was new.  Raises RedisError."""
    found = redis.client().get(_KEY)
    return int(found) if isinstance(found, bytes | str) else 0
