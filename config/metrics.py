"""What `/metrics` tells Prometheus: the state of things, read when it is asked for, so that any process can answer.

Names and labels hold no address: a mailbox is its number and domain. Counters begin anew with each month, which Prometheus takes
for a restart.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

import redis
from django.db import DatabaseError, connection
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from config import heartbeats
from core import clock
from delivery import selectors as delivery
from tracking import selectors as tracking

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_MAILBOX_STATES = ("accepted", "deferred", "failed", "bounced", "unknown")

_MAILBOXES = """
SELECT mailbox.id, split_part(mailbox.from_email, '@', 2), mailbox.status, mailbox.failures,
    coalesce(sum(accepted), 0), coalesce(sum(deferred), 0), coalesce(sum(failed), 0), coalesce(sum(bounced), 0),
    coalesce(sum(unknown), 0)
FROM delivery_mailbox mailbox
LEFT JOIN delivery_mailboxcounter counter ON counter.mailbox_id = mailbox.id AND counter.hour >= %s
WHERE mailbox.archived_at IS NULL GROUP BY mailbox.id ORDER BY mailbox.id
"""

_HANDLERS = """
SELECT handler, greatest((SELECT coalesce(max(position), 0) FROM core_fact) - position, 0) FROM core_factcursor ORDER BY handler
"""


def render() -> bytes:
    """Return everything in Prometheus' text format; a source that is down is told as such and left out."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Installation())
    return generate_latest(registry)


class _Installation:
    """The collector: one look at PostgreSQL and Redis a scrape."""

    def collect(self) -> Iterator[Metric]:
        down = GaugeMetricFamily("drumbeat_source_down", "1 for a server that doesn't answer.", labels=["source"])
        # The mailboxes, as PostgreSQL tells them and Redis knows them by number.
        domains: dict[int, str] = {}
        for source, read, errors in (
            ("postgresql", _from_database, DatabaseError),
            ("redis", _from_redis, redis.RedisError),
        ):
            try:
                yield from list(read(domains))
            except errors:
                down.add_metric([source], 1)
            else:
                down.add_metric([source], 0)
        yield down


def _from_database(domains: dict[int, str]) -> Iterator[Metric]:
    now = clock.now()
    waiting = delivery.backlog(now=now)
    by_code: Counter[str] = Counter()
    for one in waiting:
        by_code[one.code] += one.messages
    yield _gauge(
        "drumbeat_queue_messages",
        "Messages that wait to be sent, by what they wait for; sending: a worker holds them.",
        "reason",
        {"sending": 0, "in_line": 0, "scheduled": 0, **by_code},
    )
    yield GaugeMetricFamily(
        "drumbeat_oldest_due_seconds",
        "For how long the oldest message that nothing holds has been due.",
        delivery.overdue_seconds(waiting, now=now),
    )
    yield from _mailboxes(domains)
    with connection.cursor() as cursor:
        cursor.execute(_HANDLERS)
        lags = {name: float(lag) for name, lag in cursor.fetchall()}
    yield _gauge("drumbeat_fact_lag", "Facts that a handler has still to read.", "handler", lags)


def _mailboxes(domains: dict[int, str]) -> Iterator[Metric]:
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_MAILBOXES, [now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)])
        rows = cursor.fetchall()
    rates = delivery.rates_of([row[0] for row in rows], now=now)
    labels = ["mailbox", "domain"]
    outcomes = CounterMetricFamily(
        "drumbeat_messages", "What mailboxes' servers said this month.", labels=[*labels, "outcome"]
    )
    rate = GaugeMetricFamily("drumbeat_mailbox_rate", "Messages sent in the last minute.", labels=labels)
    active = GaugeMetricFamily("drumbeat_mailbox_active", "0 for a paused mailbox.", labels=labels)
    failures = GaugeMetricFamily("drumbeat_mailbox_failures", "Connections that failed in a row.", labels=labels)
    for mailbox_id, domain, status, failed, *counts in rows:
        domains[mailbox_id] = domain
        values = [str(mailbox_id), domain]
        for outcome, count in zip(_MAILBOX_STATES, counts, strict=True):
            outcomes.add_metric([*values, outcome], count)
        rate.add_metric(values, rates[mailbox_id])
        active.add_metric(values, int(status == "active"))
        failures.add_metric(values, failed)
    yield from (outcomes, rate, active, failures)


def _from_redis(domains: dict[int, str]) -> Iterator[Metric]:
    yield GaugeMetricFamily("drumbeat_workers", "Workers that show signs of life.", len(heartbeats.live_workers()))
    lag = heartbeats.beat_lag()
    if lag is not None:
        yield GaugeMetricFamily(
            "drumbeat_beat_lag_seconds", "How long ago a task of beat was last run by a worker.", lag.total_seconds()
        )
    yield CounterMetricFamily(
        "drumbeat_messages_uncompiled", "Messages of which python-liquid had to render some.", delivery.uncompiled()
    )
    yield GaugeMetricFamily("drumbeat_hits_waiting", "Opens and clicks not yet in PostgreSQL.", tracking.hits_waiting())
    latency = HistogramMetricFamily(
        "drumbeat_mailbox_answer_seconds",
        "From a message's first octet to the server's answer.",
        labels=["mailbox", "domain"],
    )
    bounds = [*(str(bound) for bound in delivery.LATENCY_BOUNDS), "+Inf"]
    for mailbox_id, found in delivery.latencies(list(domains)).items():
        buckets = list(zip(bounds, accumulate(found.counts), strict=True))
        latency.add_metric([str(mailbox_id), domains[mailbox_id]], buckets, found.total)
    yield latency


def _gauge(name: str, help_text: str, label: str, values: dict[str, float]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, help_text, labels=[label])
    for value, number in values.items():
        gauge.add_metric([value], number)
    return gauge
