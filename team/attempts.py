"""Counters against guessing, kept in Redis.

Three limits stand before a sign-in: for an address from one place (a person who mistypes), for one place (one machine
that tries many addresses), and for an address from anywhere (many machines that try one address).
"""

import logging
from dataclasses import dataclass
from hashlib import sha256

import redis
from django.conf import settings
from django.http import HttpRequest

from core.redis import client

logger = logging.getLogger(__name__)

WINDOW = 15 * 60
"""How long a failure counts, in seconds."""

PER_PERSON = 5
PER_PLACE = 50
PER_ADDRESS = 50
RESETS_PER_ADDRESS = 5


@dataclass(frozen=True, slots=True)
class Limit:
    """A counter and how far it may go within WINDOW."""

    key: str
    most: int


def sign_in_limits(email: str, place: str) -> tuple[Limit, ...]:
    """Return the limits of a sign-in by `email` from the network address `place`."""
    who = _fold(email)
    return (
        Limit(f"sign-in:{who}:{place}", PER_PERSON),
        Limit(f"sign-in:place:{place}", PER_PLACE),
        Limit(f"sign-in:address:{who}", PER_ADDRESS),
    )


def reset_limits(email: str, place: str) -> tuple[Limit, ...]:
    """Return the limits of asking for a password reset, so that nobody's mailbox can be flooded."""
    return (Limit(f"reset:{_fold(email)}", RESETS_PER_ADDRESS), Limit(f"reset:place:{place}", PER_PLACE))


def seconds_to_wait(limits: tuple[Limit, ...]) -> int:
    """Return how long to wait until every limit lets one more through; 0 when they do now, or when Redis is gone."""
    try:
        with client().pipeline(transaction=False) as pipe:
            for limit in limits:
                pipe.get(limit.key)
                pipe.ttl(limit.key)
            answers = pipe.execute()
    except redis.RedisError:
        logger.warning("No Redis: sign-ins are not limited.")
        return 0
    pairs = zip(limits, answers[::2], answers[1::2], strict=True)
    return max(max(int(ttl), 1) if int(count or 0) >= limit.most else 0 for limit, count, ttl in pairs)


def count(limits: tuple[Limit, ...]) -> None:
    """Count one attempt against every limit; the window starts with the first one."""
    try:
        with client().pipeline(transaction=True) as pipe:
            for limit in limits:
                pipe.incr(limit.key)
                pipe.expire(limit.key, WINDOW, nx=True)
            pipe.execute()
    except redis.RedisError:
        logger.warning("No Redis: an attempt was not counted.")


def forget(limits: tuple[Limit, ...]) -> None:
    """Start again with the person's own limit, after they got in; the place's and the address's go on counting."""
    try:
        client().delete(limits[0].key)
    except redis.RedisError:
        logger.warning("No Redis: attempts were not forgotten.")


def place_of(request: HttpRequest) -> str:
    """Return the network address that a request comes from.

    Behind a proxy (which the installation says by an https BASE_URL, see SECURE_PROXY_SSL_HEADER) it is the last entry
    of X-Forwarded-For, the one our own proxy wrote; the earlier ones are whatever the client claims.
    """
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    return forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "") or "local"


def _fold(email: str) -> str:
    return sha256(email.strip().casefold().encode()).hexdigest()[:32]
