"""The connection to Redis, which only makes things move: losing it costs latency, never a fact."""

from functools import cache

import redis
from django.conf import settings


@cache
def client() -> redis.Redis:
    """Return this process's shared client (thread-safe; connects on first use)."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)
