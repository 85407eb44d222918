"""How long servers take to answer for a message: a histogram a mailbox, kept in Redis for the metrics.  No mail waits for it."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import NamedTuple, cast

from redis.exceptions import RedisError

from core import redis

# Upper bounds of the buckets, in seconds; what is longer counts in the last one alone.
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# A mailbox that sends nothing for so long begins anew, in seconds.
_KEPT = 40 * 24 * 3600
_SUM = b"sum"


class Latency(NamedTuple):
    """Answers by bucket (one more than `BOUNDS`, not cumulative) and how long they took together, in seconds."""

    counts: list[int]
    total: float


def note_latency(mailbox_id: int, seconds: Sequence[float]) -> None:
    """Add the waits of one batch, from a content's first octet to the answer; does nothing when Redis is away."""
    if not seconds:
        return
    key = _key(mailbox_id)
    with suppress(RedisError), redis.impatient_client().pipeline(transaction=False) as pipeline:
        for bucket, count in Counter(bisect_left(BOUNDS, wait) for wait in seconds).items():
            pipeline.hincrby(key, str(bucket), count)
        pipeline.hincrbyfloat(key, "sum", round(sum(seconds), 6))
        pipeline.expire(key, _KEPT)
        pipeline.execute()


def latencies(mailbox_ids: Collection[int]) -> dict[int, Latency]:
    """Return the histograms of the mailboxes that have one.  Raises RedisError."""
    with redis.client().pipeline(transaction=False) as pipeline:
        for mailbox_id in mailbox_ids:
            pipeline.hgetall(_key(mailbox_id))
        found = cast("list[dict[bytes, bytes]]", pipeline.execute())
    return {
        mailbox_id: Latency(
            [int(fields.get(str(bucket).encode(), 0)) for bucket in range(len(BOUNDS) + 1)],
            float(fields.get(_SUM, 0)),
        )
        for mailbox_id, fields in zip(mailbox_ids, found, strict=True)
        if fields
    }


def _key(mailbox_id: int) -> str:
    return f"delivery:latency:{mailbox_id}"
