"""Delivering webhooks, aside from whoever wrote them down, tried again with growing pauses.

A delivery is claimed in a short transaction that also says until when (a lease); nothing is locked while the other side takes its
time.  A worker that dies leaves one whose lease runs out: it is tried again, under the same `webhook-id`.
"""

import json
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from core import clock, posting
from core.encryption import DecryptionError
from core.standard_webhooks import signed_headers
from integrations.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from integrations.services.endpoints import give_up_waiting, signing_keys

LEASE = timedelta(minutes=1)
# Pauses before the second and each further try: ten tries within a day and a half.
PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1_800, 3_600, 3 * 3_600, 10 * 3_600, 20 * 3_600)
)
MOST_TRIES = len(PAUSES) + 1
THREADS = 8
# So many requests to one endpoint at a time: one that hangs must not take all threads.
PER_ENDPOINT = 2
LOOKED_AT = 1_000
FAILS_FOR = timedelta(days=5)
"""An endpoint that nothing got through to for so long is turned off when a delivery is given up."""
GONE = 410
KEPT = timedelta(days=30)
FORGET_AT_ONCE = 5_000


class Try(NamedTuple):
    """A delivery that is tried now, ready to be sent."""

    id: int
    endpoint_id: int
    attempts: int
    url: str
    body: bytes
    headers: dict[str, str]


class Result(NamedTuple):
    """What came of a try: `error` is empty for a success."""

    tried: Try
    error: str = ""
    status: int | None = None
    timed_out: bool = False


def deliver_webhooks(*, now: datetime | None = None) -> int:
    """Try everything that is due, a few at a time, until nothing is; return how many deliveries were tried."""
    tried = 0
    with ThreadPoolExecutor(THREADS, thread_name_prefix="webhooks") as pool:
        while claimed := _claim(now or clock.now()):
            ready, results = _prepared(claimed, now or clock.now())
            results += pool.map(_post, ready)
            _settle(results, now or clock.now())
            tried += len(claimed)
    return tried


_running = threading.Lock()


def deliver_webhooks_aside() -> None:
    """Do so in a thread of its own, unless one is at it in this process: a server that hangs holds up no worker."""
    if _running.acquire(blocking=False):
        threading.Thread(target=_run, name="webhooks", daemon=True).start()


def _run() -> None:
    try:
        deliver_webhooks()
    finally:
        connection.close()
        _running.release()


def forget_deliveries() -> int:
    """Delete deliveries that were finished a month ago; return how many."""
    before = clock.now() - KEPT
    forgotten = 0
    while True:
        old = WebhookDelivery.objects.filter(finished_at__lt=before).values_list("pk", flat=True)[:FORGET_AT_ONCE]
        deleted, _ = WebhookDelivery.objects.filter(pk__in=list(old)).delete()
        forgotten += deleted
        if deleted < FORGET_AT_ONCE:
            return forgotten


@transaction.atomic
def _claim(now: datetime) -> list[WebhookDelivery]:
    """Take the next deliveries, a few of each endpoint, whoever else is at it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH chosen AS (
                SELECT d.id FROM (
                    SELECT id, due_at, row_number() OVER (PARTITION BY endpoint_id ORDER BY due_at, id) AS place
                    FROM (
                        SELECT d.id, d.endpoint_id, d.due_at FROM integrations_webhookdelivery d
                        JOIN integrations_webhookendpoint e ON e.id = d.endpoint_id AND e.is_active
                        WHERE d.state = 0 AND d.due_at <= %(now)s ORDER BY d.due_at LIMIT {LOOKED_AT}) due
                ) ranked JOIN integrations_webhookdelivery d ON d.id = ranked.id
                WHERE ranked.place <= {PER_ENDPOINT} AND d.state = 0 AND d.due_at <= %(now)s
                ORDER BY d.due_at LIMIT {THREADS} FOR UPDATE OF d SKIP LOCKED
            )
            UPDATE integrations_webhookdelivery d SET due_at = %(until)s, attempts = attempts + 1
            FROM chosen WHERE d.id = chosen.id RETURNING d.id
            """,  # noqa: S608 - numbers of this module
            {"now": now, "until": now + LEASE},
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(WebhookDelivery.objects.filter(pk__in=ids).select_related("endpoint").order_by("pk"))


def _prepared(claimed: Iterable[WebhookDelivery], now: datetime) -> tuple[list[Try], list[Result]]:
    """Sign what is sent; return it, and what can't be."""
    ready, failed = [], []
    for delivery in claimed:
        body = json.dumps(delivery.payload, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "Drumbeat"}
        tried = Try(delivery.pk, delivery.endpoint_id, delivery.attempts, delivery.endpoint.url, body, headers)
        try:
            keys = signing_keys(delivery.endpoint, now=now)
        except DecryptionError:
            failed.append(Result(tried, "The secret can't be read: no key of ENCRYPTION_KEYS opens it."))
            continue
        headers |= signed_headers(keys=keys, message_id=f"webhook-{delivery.pk}", body=body, now=now)
        ready.append(tried)
    return ready, failed


def _post(tried: Try) -> Result:
    try:
        answer = posting.post(tried.url, tried.body, tried.headers)
    except posting.PostError as error:
        return Result(tried, str(error)[:500], timed_out=error.timed_out)
    if answer.is_success:
        return Result(tried, status=answer.status)
    said = " ".join(answer.text.replace("\x00", "").split())[:200]
    return Result(tried, f"The answer was {answer.status}. {said}".strip(), answer.status)


def _settle(results: Iterable[Result], now: datetime) -> None:
    for result in results:
        _settle_one(result, now)


@transaction.atomic
def _settle_one(result: Result, now: datetime) -> None:
    """Write down what came of a try, with the endpoint in hand, whose other tries may end at this moment."""
    tried = result.tried
    endpoint = WebhookEndpoint.objects.select_for_update().filter(pk=tried.endpoint_id).first()
    if endpoint is None:
        return
    is_over = tried.attempts >= MOST_TRIES or result.status == GONE
    changes: dict[str, Any] = {"status": result.status, "error": result.error}
    if not result.error:
        changes |= {"state": DeliveryState.DONE, "finished_at": now}
    elif is_over:
        changes |= {"state": DeliveryState.FAILED, "finished_at": now}
    else:
        changes["due_at"] = now + PAUSES[tried.attempts - 1]
    # Whoever's lease ran out meanwhile has lost the delivery to somebody else's try.
    own = WebhookDelivery.objects.filter(pk=tried.id, state=DeliveryState.WAITING, attempts=tried.attempts)
    if not own.update(**changes):
        return
    if not result.error:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).exclude(failing_since=None).update(failing_since=None)
        return
    if endpoint.failing_since is None:
        endpoint.failing_since = now
        endpoint.save(update_fields=["failing_since"])
    if result.status == GONE:
        _turn_off(endpoint, "The address answered that it is gone (410).", now)
    elif is_over and now - endpoint.failing_since >= FAILS_FOR:
        _turn_off(endpoint, f"Nothing got through since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC.", now)
    elif result.timed_out and not is_over:
        # Each of the others would take its time, too.
        waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING)
        waiting.filter(due_at__lt=changes["due_at"]).update(due_at=changes["due_at"])


def _turn_off(endpoint: WebhookEndpoint, problem: str, now: datetime) -> None:
    endpoint.is_active, endpoint.problem = False, problem
    endpoint.save(update_fields=["is_active", "problem"])
    give_up_waiting(endpoint, error=problem, now=now)
