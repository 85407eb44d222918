"""Signs of life of the workers and of beat, kept in Redis."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import redis

from core import clock
from core import redis as core_redis

# Workers beat every two seconds (Celery's default); one that missed this many is taken for dead.
WORKER_TIMEOUT = timedelta(seconds=15)
# Beat sends its sign through a worker every BEAT_INTERVAL.
BEAT_INTERVAL = timedelta(seconds=5)
BEAT_TIMEOUT = timedelta(seconds=30)

_WORKERS = "drumbeat:heartbeat:workers"
_BEAT = "drumbeat:heartbeat:beat"


@dataclass(frozen=True, slots=True)
class WorkerHeartbeat:
    """When a worker was last alive; `name` is its Celery host name."""

    name: str
    at: datetime


def record_worker(name: str) -> None:
    """Note that the worker `name` lives."""
    now = clock.now()
    client = core_redis.client()
    client.zadd(_WORKERS, {name: now.timestamp()})
    client.zremrangebyscore(_WORKERS, "-inf", (now - timedelta(hours=1)).timestamp())


def forget_worker(name: str) -> None:
    """Note that the worker `name` stopped as it was asked to."""
    core_redis.client().zrem(_WORKERS, name)


def record_beat() -> None:
    """Note that a task sent by beat has just been run by a worker."""
    core_redis.client().set(_BEAT, clock.now().timestamp())


def live_workers() -> list[WorkerHeartbeat]:
    """Return the workers that were alive just now, by name.  Raises redis.RedisError if Redis is down."""
    oldest = (clock.now() - WORKER_TIMEOUT).timestamp()
    found = core_redis.client().zrangebyscore(_WORKERS, oldest, "+inf", withscores=True)
    beats = [WorkerHeartbeat(name.decode(), datetime.fromtimestamp(score, UTC)) for name, score in _pairs(found)]
    return sorted(beats, key=lambda beat: beat.name)


def beat_lag() -> timedelta | None:
    """Return how long ago beat's last task was run; None if none ever was.  Raises redis.RedisError if Redis is down."""
    value = core_redis.client().get(_BEAT)
    if not isinstance(value, bytes):
        return None
    return clock.now() - datetime.fromtimestamp(float(value), UTC)


def _pairs(found: object) -> list[tuple[bytes, float]]:
    if not isinstance(found, list):
        raise redis.ResponseError("Redis answered something else than a list")
    return found
