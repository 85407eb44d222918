"""Delivering what actions tell others: webhooks and mails to the team, by a task of its own, tried again with growing pauses.

An item is claimed in a short transaction that also says until when (a lease); nothing is locked while the other side takes its
time.  A worker that dies leaves an item whose lease runs out: it is tried again, under the same `webhook-id`.
"""

import json
import threading
from collections.abc import Iterable
from collections.abc import Sequence as Items
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.template.loader import render_to_string

from core import clock, posting
from sequences.models import OutboxItem, OutboxKind, OutboxState
from sequences.outbox import signing
from team import services as team
from team.exceptions import TeamError
from team.models import Membership

LEASE = timedelta(minutes=1)
# Pauses before the second and each further try: ten tries within a day and a half.
PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1_800, 3_600, 3 * 3_600, 10 * 3_600, 20 * 3_600)
)
MOST_TRIES = len(PAUSES) + 1
THREADS = 16
# So many requests to one server at a time, chosen among so many items that are due.
PER_HOST = 4
LOOKED_AT = 2_000
# People who come by together are told of in one mail.
MOST_IN_A_MAIL = 500
MOST_NAMED = 20
GONE = 410
KEPT = timedelta(days=30)
FORGET_AT_ONCE = 5_000


class Claimed(NamedTuple):
    """An item that is tried now."""

    id: int
    workspace_id: int
    enrolment_id: int
    step_key: str
    rotation: int
    target: str
    payload: dict[str, Any]
    attempts: int

    @property
    def host(self) -> str:
        """The server's name and port, as the URL has them."""
        return self.target.split("/", 3)[2]


class Result(NamedTuple):
    """What came of a try: `error` is empty for a success, `final` says that there is no use in another one."""

    item: Claimed
    error: str = ""
    status: int | None = None
    final: bool = False
    timed_out: bool = False


def deliver_outbox(*, now: datetime | None = None) -> int:
    """Try everything that is due, a few at a time, until nothing is; return how many items were tried."""
    tried = 0
    with ThreadPoolExecutor(THREADS, thread_name_prefix="outbox") as pool:
        while items := _claim_webhooks(now or clock.now()):
            moment = now or clock.now()
            _settle(list(pool.map(lambda item: _post(item, moment), items)), moment)  # noqa: B023 - the map is used up here
            tried += len(items)
    while items := _claim_notices(now or clock.now()):
        _settle(_mail(items), now or clock.now())
        tried += len(items)
    return tried


_running = threading.Lock()


def deliver_aside() -> None:
    """Do so in a thread of its own, unless one is at it in this process: a server that hangs holds up no worker."""
    if _running.acquire(blocking=False):
        threading.Thread(target=_run, name="outbox", daemon=True).start()


def _run() -> None:
    try:
        deliver_outbox()
    finally:
        connection.close()
        _running.release()


def forget_finished() -> int:
    """Delete items that were finished a month ago; return how many."""
    before = clock.now() - KEPT
    forgotten = 0
    while True:
        old = OutboxItem.objects.filter(finished_at__lt=before).values_list("pk", flat=True)[:FORGET_AT_ONCE]
        deleted, _ = OutboxItem.objects.filter(pk__in=list(old)).delete()
        forgotten += deleted
        if deleted < FORGET_AT_ONCE:
            return forgotten


@transaction.atomic
def retry_items(*, item_ids: Items[int]) -> int:
    """Let failed items be tried anew, for whoever has mended the cause; return how many."""
    failed = OutboxItem.objects.filter(pk__in=item_ids, state=OutboxState.FAILED)
    return failed.update(state=OutboxState.WAITING, attempts=0, due_at=clock.now(), finished_at=None)


def _claim_webhooks(now: datetime) -> list[Claimed]:
    # Each server gets its turn, however many items wait for one of them.
    return _claim(
        f"""
        SELECT o.id FROM (
            SELECT id, row_number() OVER (PARTITION BY split_part(target, '/', 3) ORDER BY due_at, id) AS place
            FROM (
                SELECT id, target, due_at FROM sequences_outboxitem
                WHERE state = 0 AND kind = 'webhook' AND due_at <= %(now)s ORDER BY due_at LIMIT {LOOKED_AT}) due
        ) ranked JOIN sequences_outboxitem o ON o.id = ranked.id
        WHERE ranked.place <= {PER_HOST} AND o.state = 0 AND o.due_at <= %(now)s
        ORDER BY o.due_at LIMIT {THREADS} FOR UPDATE OF o SKIP LOCKED
        """,  # noqa: S608 - numbers of this module
        now,
    )


def _claim_notices(now: datetime) -> list[Claimed]:
    return _claim(
        f"""
        SELECT id FROM sequences_outboxitem WHERE state = 0 AND kind = 'notify' AND due_at <= %(now)s
        ORDER BY due_at, id LIMIT {MOST_IN_A_MAIL} FOR UPDATE SKIP LOCKED
        """,  # noqa: S608 - numbers of this module
        now,
    )


def _claim(chosen: str, now: datetime) -> list[Claimed]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH chosen AS ({chosen})
            UPDATE sequences_outboxitem o SET due_at = %(until)s, attempts = attempts + 1
            FROM chosen WHERE o.id = chosen.id
            RETURNING o.id, o.workspace_id, o.enrolment_id, o.step_key, o.rotation, o.target, o.payload, o.attempts
            """,  # noqa: S608 - SQL of this module
            {"now": now, "until": now + LEASE},
        )
        return [Claimed._make((*row[:6], json.loads(row[6]), row[7])) for row in sorted(cursor.fetchall())]


def _post(item: Claimed, now: datetime) -> Result:
    message_id = f"e{item.enrolment_id}-{item.step_key}-{item.rotation}"
    content = {"type": "sequence.step", "timestamp": item.payload["at"], "data": item.payload}
    body = json.dumps(content, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "Drumbeat"}
    headers |= signing.headers_of(workspace_id=item.workspace_id, message_id=message_id, body=body, now=now)
    try:
        answer = posting.post(item.target, body, headers)
    except posting.PostError as error:
        return Result(item, str(error)[:500], timed_out=error.timed_out)
    if answer.is_success:
        return Result(item, status=answer.status)
    said = " ".join(answer.text.replace("\x00", "").split())[:200]
    return Result(item, f"The answer was {answer.status}. {said}".strip(), answer.status, final=answer.status == GONE)


def _mail(items: Items[Claimed]) -> Iterable[Result]:
    """Send one mail for all who came by the same step, to each member."""
    groups: dict[tuple[int, str, int, str], list[Claimed]] = {}
    for item in items:
        key = (item.workspace_id, item.step_key, item.payload["sequence"]["id"], item.target)
        groups.setdefault(key, []).append(item)
    results: list[Result] = []
    for (workspace_id, *_, target), group in groups.items():
        member = Membership.objects.filter(workspace=workspace_id, user=int(target)).select_related("user").first()
        if member is None:
            results += [Result(item, "They are no member of the workspace any more.", final=True) for item in group]
            continue
        try:
            _tell(member.user.email, group)
        except TeamError as error:
            results += [Result(item, error.message[:500]) for item in group]
        else:
            results += [Result(item) for item in group]
    return results


def _tell(address: str, group: Items[Claimed]) -> None:
    first = group[0].payload
    people = [
        {**contact, "name": f"{contact['first_name']} {contact['last_name']}".strip()}
        for contact in (item.payload["contact"] for item in group[:MOST_NAMED])
    ]
    who = (people[0]["name"] or people[0]["email"]) if len(group) == 1 else f"{len(group)} people"
    subject = f"{first['sequence']['name']}: {who} came by"
    context = {
        "subject": subject,
        "message": first["message"],
        "people": people,
        "more": len(group) - len(people),
        "base_url": settings.BASE_URL.rstrip("/"),
    }
    text = render_to_string("sequences/mail/notice.txt", context)
    html = render_to_string("sequences/mail/notice.html", context)
    team.deliver_mail(to=address, subject=" ".join(subject.split()), text=text, html=html)


@transaction.atomic
def _settle(results: Iterable[Result], now: datetime) -> None:
    """Write down what came of the tries, in the order of the items' ids."""
    slow: dict[str, datetime] = {}
    for result in sorted(results, key=lambda result: result.item.id):
        item = result.item
        last = item.attempts >= MOST_TRIES or result.final
        changes: dict[str, Any] = {"status": result.status, "error": result.error}
        if not result.error:
            changes |= {"state": OutboxState.DONE, "finished_at": now}
        elif last:
            changes |= {"state": OutboxState.FAILED, "finished_at": now}
        else:
            changes["due_at"] = now + PAUSES[item.attempts - 1]
            if result.timed_out:
                slow[item.host] = max(slow.get(item.host, now), changes["due_at"])
        # Whoever's lease ran out meanwhile has lost the item to somebody else's try.
        OutboxItem.objects.filter(pk=item.id, state=OutboxState.WAITING, attempts=item.attempts).update(**changes)
    for host, until in slow.items():
        _put_off(host, until)


def _put_off(host: str, until: datetime) -> None:
    """Let what else waits for a server that hangs wait as long: each try would take its time."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sequences_outboxitem SET due_at = %s WHERE id = ANY (ARRAY(
                SELECT id FROM sequences_outboxitem
                WHERE state = 0 AND kind = %s AND due_at < %s AND split_part(target, '/', 3) = %s
                FOR UPDATE SKIP LOCKED))
            """,
            [until, OutboxKind.WEBHOOK, until, host],
        )
