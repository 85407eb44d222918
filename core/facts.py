"""The fact log: what the world did, in commit order, read by handlers, webhooks and the activities feed."""

import dataclasses
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from core import bus, clock, waking
from core.models import Fact, FactCursor, FactFailure

logger = logging.getLogger(__name__)

SEQUENCER_LOCK = 0x64726D62
HANDLER_BATCH = 200
# What is handled in one call, in rows that the merged facts are about.
MERGED_SIZE = 5_000
FORGET_AT_ONCE = 5_000
# A call gives its worker back after about so long, so that facts without end don't keep others from their turn.
DELIVER_SECONDS = 2.0
FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(hours=1)


def kind_of(event_type: type) -> str:
    """Return the stable name of a fact: `<app>.<Event>`."""
    return f"{event_type.__module__.split('.', 1)[0]}.{event_type.__name__}"


def record(event: Any, *, workspace_id: int | None, occurred_at: datetime) -> Fact:
    """Write one fact (a frozen dataclass of JSON-able values) into the log, in the caller's transaction.

    A fact carries a batch (`message_ids=[…]`), never one row an event.  Handlers run soon after the commit.
    """
    payload = dataclasses.asdict(event)
    fact = Fact.objects.create(
        workspace_id=workspace_id,
        kind=kind_of(type(event)),
        payload=_plain(payload),
        occurred_at=occurred_at,
    )
    transaction.on_commit(_wake)
    return fact


def _plain(payload: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(payload, cls=DjangoJSONEncoder))
    return plain


def _wake() -> None:
    from core.tasks import deliver_facts

    waking.wake(deliver_facts)


def sequence() -> int:
    """Give committed facts their positions and return how many got one.

    One sequencer at a time (an advisory lock): rows that become visible later get later positions, so that a cursor
    over positions misses nothing however transactions interleave, and whatever is deleted later.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
        # The partial index on unsequenced rows makes this cost what is new, not what exists.
        cursor.execute(
            """
            UPDATE core_fact SET position = placed.position FROM (
                SELECT id, nextval('core_fact_position') AS position
                FROM (SELECT id FROM core_fact WHERE position IS NULL ORDER BY id) AS fresh
            ) AS placed WHERE core_fact.id = placed.id
            """
        )
        return int(cursor.rowcount)


def deliver() -> int:
    """Sequence new facts, hand them to every handler, retry failed ones; return how many calls were made."""
    sequence()
    calls = 0
    readers = bus.fact_handlers()
    until = time.monotonic() + DELIVER_SECONDS
    while busy := _busy(readers):
        made = sum(_serve(name, *readers[name], *waiting) for name, *waiting in busy)
        calls += made
        # Whoever found a handler taken by this worker has gone, and left what it had given positions to: one more look.
        if not made:
            break
        if time.monotonic() > until:
            _wake()
            break
    return calls


def _serve(name: str, event_type: type, handler: bus.Handler, has_facts: bool, has_failures: bool) -> int:
    calls = 0
    while has_facts:
        taken = _advance(name, event_type, handler)
        calls += taken
        has_facts = taken == HANDLER_BATCH
    return calls + (_retry(name, event_type, handler) if has_failures else 0)


def _busy(readers: Mapping[str, tuple[type, bus.Handler]]) -> list[tuple[str, bool, bool]]:
    """Return the handlers that have something to read or to try again, in their order: one look for all of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT * FROM (
                SELECT reader.handler,
                    EXISTS (SELECT FROM core_fact fact
                            WHERE fact.kind = reader.kind AND fact.position > coalesce(reached.position, 0)) AS has_facts,
                    EXISTS (SELECT FROM core_factfailure failure
                            WHERE failure.handler = reader.handler AND failure.retry_at <= %s) AS has_failures
                FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS reader (kind, handler, place)
                LEFT JOIN core_factcursor reached ON reached.handler = reader.handler
                ORDER BY reader.place
            ) looked_at WHERE has_facts OR has_failures
            """,
            [clock.now(), [kind_of(event_type) for event_type, _ in readers.values()], list(readers)],
        )
        return [(handler, has_facts, has_failures) for handler, has_facts, has_failures in cursor.fetchall()]


def _advance(name: str, event_type: type, handler: bus.Handler) -> int:
    """Take the next facts of one handler: the calls that work are committed together with the cursor."""
    FactCursor.objects.get_or_create(handler=name)
    with transaction.atomic():
        cursor = FactCursor.objects.select_for_update(skip_locked=True).filter(handler=name).first()
        if cursor is None:
            return 0
        facts = list(
            Fact.objects.filter(kind=kind_of(event_type), position__gt=cursor.position).order_by("position")[
                :HANDLER_BATCH
            ]
        )
        for fact, error in _handle(handler, event_type, facts):
            if error is not None:
                FactFailure.objects.create(
                    handler=name, fact=fact, error=repr(error), retry_at=clock.now() + FIRST_RETRY
                )
        if facts:
            FactCursor.objects.filter(handler=name).update(position=facts[-1].position)
        return len(facts)


def _handle(handler: bus.Handler, event_type: type, facts: Sequence[Fact]) -> Iterator[tuple[Fact, Exception | None]]:
    """Call the handler with each fact, or once with several that can be one; yield each fact with its error."""
    for group in _together(event_type, facts):
        if len(group) > 1 and _try(handler, bus.merged([event_type(**fact.payload) for fact in group])) is None:
            yield from ((fact, None) for fact in group)
        else:  # one by one, so that a bad one stops no other
            yield from ((fact, _call(handler, event_type, fact)) for fact in group)


def _together(event_type: type, facts: Sequence[Fact]) -> list[list[Fact]]:
    """Return the facts in groups of one workspace that are handled in one call, each in order."""
    if not hasattr(event_type, "joined"):
        return [[fact] for fact in facts]
    groups: list[list[Fact]] = []
    filling: dict[int | None, tuple[list[Fact], int]] = {}
    for fact in facts:
        size = event_type(**fact.payload).size
        group, held = filling.get(fact.workspace_id, ([], 0))
        if not group or held + size > MERGED_SIZE:
            group, held = [], 0
            groups.append(group)
        group.append(fact)
        filling[fact.workspace_id] = group, held + size
    return groups


def _retry(name: str, event_type: type, handler: bus.Handler) -> int:
    calls = 0
    due = FactFailure.objects.filter(handler=name, retry_at__lte=clock.now()).order_by("retry_at")
    for failure_id in list(due.values_list("pk", flat=True)[:HANDLER_BATCH]):
        with transaction.atomic():
            failure = (
                FactFailure.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("fact")
                .filter(pk=failure_id)
                .first()
            )
            if failure is None:
                continue
            calls += 1
            error = _call(handler, event_type, failure.fact)
            if error is None:
                failure.delete()
            else:
                pause = min(FIRST_RETRY * 2**failure.attempts, LONGEST_RETRY)
                FactFailure.objects.filter(pk=failure_id).update(
                    attempts=failure.attempts + 1, error=repr(error), retry_at=clock.now() + pause
                )
    return calls


def retry_now(failure_ids: Sequence[int]) -> int:
    """Let failed calls be tried again at once, for whoever has mended the cause; return how many."""
    count = FactFailure.objects.filter(pk__in=failure_ids).update(retry_at=clock.now())
    _wake()
    return count


def forget_old(*, at_once: int = FORGET_AT_ONCE) -> int:
    """Delete facts that are older than FACT_RETENTION_DAYS (0: none), a few thousand a transaction; return how many.

    What a handler has not read yet, or is still to be tried again with, stays however old it is.
    """
    if not settings.FACT_RETENTION_DAYS:
        return 0
    before = clock.now() - timedelta(days=settings.FACT_RETENTION_DAYS)
    readers = bus.fact_handlers()
    kinds, handlers = [kind_of(event_type) for event_type, _ in readers.values()], list(readers)
    deleted = 0
    while True:
        with connection.cursor() as cursor:
            # Ids are nearly in the order of time: only the oldest are looked at.
            cursor.execute(
                """
                WITH oldest AS (SELECT id, position, recorded_at FROM core_fact ORDER BY id LIMIT %s)
                DELETE FROM core_fact fact USING oldest
                WHERE fact.id = oldest.id AND oldest.recorded_at < %s
                  AND oldest.position IS NOT NULL AND NOT EXISTS (
                      SELECT FROM unnest(%s::text[], %s::text[]) AS reader (kind, handler)
                      LEFT JOIN core_factcursor reached ON reached.handler = reader.handler
                      WHERE reader.kind = fact.kind AND coalesce(reached.position, 0) < oldest.position)
                  AND NOT EXISTS (SELECT FROM core_factfailure failure WHERE failure.fact_id = fact.id)
                """,
                [at_once, before, kinds, handlers],
            )
            taken = int(cursor.rowcount)
        deleted += taken
        if taken < at_once:
            return deleted


def _call(handler: bus.Handler, event_type: type, fact: Fact) -> Exception | None:
    error = _try(handler, event_type(**fact.payload))
    if error is not None:
        name = bus.handler_name(handler)
        logger.error("Handler %s failed on fact %s; it will be retried.", name, fact.pk, exc_info=error)
    return error


def _try(handler: bus.Handler, event: object) -> Exception | None:
    try:
        with transaction.atomic():
            handler(event)
    except Exception as error:  # noqa: BLE001 - a handler may fail in any way; what the world did stays, it is tried again
        return error
    return None
