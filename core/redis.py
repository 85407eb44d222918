"""The connection to Redis, which only makes things move: losing it costs latency, never a fact."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


@cache
def client() -> redis.Redis:
    """Return this process's shared client (thread-safe; connects on first use)."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)


@cache
def impatient_client() -> redis.Redis:
    """Return this process's shared client for what must not wait: one more try on a fresh connection, then it fails."""
    retry = Retry(NoBackoff(), 1)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=retry)
