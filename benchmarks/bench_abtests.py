"""What a look at a test costs at 1,000,000 recipients, by the counters of responses.

N (1,000,000; by the environment) recipients of four arms in six parts: queued, accepted by the ledger and clicked on by the product's services, an hour a part.
`value` is the median of taking what has matured for a look (`abtests.selectors.matured`), in µs; `after_reclass` the same after the clicks of 2,000
recipients turned out to be a machine's, with the counters compared to the messages before and after; `look_us` a whole look with its verdict, kept.
`continuous` is a test of whoever comes by in which each of thirty days' hours has its own rows, and every response age.
The peer counts the same from the messages table, the way it would be done without counters, in the same run.
"""

import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from abtests import selectors
from abtests import services as abtests
from abtests.models import Experiment
from benchmarks.bench_tick import make_contacts
from core import clock
from delivery import ledger, queue, receipts
from delivery import services as delivery
from delivery.counters import Tally
from delivery.models import Link, Mailbox, Mailing, Message, ResponseCounter
from delivery.responses import Rules
from delivery.selectors import HONEYPOT_LABEL, response_differences
from delivery.smtp import Reply
from team.models import Workspace
from tests.factories.tracking import make_hit, make_link
from tracking import services as tracking

N = int(os.environ.get("N", "1000000"))
ARMS, PARTS, CHUNK = 4, 6, 10_000
CLICKED, RECLASSED = 50, 2_000
LOOKS = 50
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = 24
LATER = START + (PARTS + WINDOW + 1) * HOUR


def main() -> dict[str, Any]:
    """Return the benchmark's line."""
    workspace = Workspace.objects.create(name="Bench", slug="bench")
    mailbox = Mailbox.objects.create(workspace=workspace, from_email="bench@example.com", smtp_host="127.0.0.1")
    with clock.simulated(START):
        experiment, mailings = make_test(workspace)
        send(mailings, mailbox, make_contacts(workspace, N))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    counted = by_counters(experiment)
    if counted != by_messages(mailings):
        raise AssertionError(f"The counters say {counted}, the messages {by_messages(mailings)}.")
    look = median(lambda: by_counters(experiment))
    peer = median(lambda: by_messages(mailings), rounds=5)
    reclass(mailings)
    after = by_counters(experiment)
    if after == counted or not any(counted[0]) or after != by_messages(mailings) or response_differences():
        raise AssertionError("After the re-class the counters differ from the messages.")
    after_reclass = median(lambda: by_counters(experiment))
    with clock.simulated(LATER):
        look_us = median(lambda: whole_look(experiment), rounds=10)
    rows = ResponseCounter.objects.count()
    return {
        "benchmark": "abtests",
        "value": round(look * 1e6),
        "unit": "µs",
        "ratios": {"messages": round(peer / look, 1)},
        "after_reclass_us": round(after_reclass * 1e6),
        "look_us": round(look_us * 1e6),
        "rows": rows,
        "continuous": continuous(workspace),
        "n": N,
    }


def make_test(workspace: Workspace) -> tuple[Experiment, list[Mailing]]:
    """Start a test of four arms whose responses are counted by age."""
    experiment = abtests.create_experiment(
        workspace, name="Bench", design="continuous", window_hours=WINDOW, base=0.02, lead=0.01
    )
    mailings = {}
    for number in range(ARMS):
        mailing = delivery.create_mailing(
            workspace=workspace, name=f"Arm {number}", format="html", subject=f"Arm {number}", source="<p>Hello</p>"
        )
        mailings[abtests.add_variant(experiment).pk] = mailing
    abtests.prepare(experiment, mailing_ids={variant: mailing.pk for variant, mailing in mailings.items()})
    experiment.refresh_from_db()
    return experiment, list(Mailing.objects.filter(pk__in=[each.pk for each in mailings.values()]).order_by("pk"))


def send(mailings: list[Mailing], mailbox: Mailbox, people: list[int]) -> None:
    """Queue, accept, and let every fiftieth recipient click, at ages from minutes to two days."""
    each = N // ARMS
    for arm, mailing in enumerate(mailings):
        links = [make_link(mailing, f"https://example.com/{number}") for number in range(2)]
        make_link(mailing, "https://example.com/trap", label=HONEYPOT_LABEL)
        held = ledger.Held(0, "", mailing.pk, mailbox.pk, mailing.workspace_id, rules=Rules.of_mailing(mailing))
        for first in range(0, each, CHUNK):
            part = first * PARTS // each
            at = START + part * HOUR
            numbers = range(first, min(first + CHUNK, each))
            delivery.queue_messages(
                mailing=mailing,
                contact_ids=[people[arm * each + number] for number in numbers],
                mailbox_ids=[mailbox.pk] * len(numbers),
                keys=[f"{mailing.pk}:{number}" for number in numbers],
                due_at=at,
                now=START,
                stratum=part + 1,
            )
            waiting = Message.objects.filter(mailing=mailing, state__in=queue.WAITING)
            ids = list(waiting.order_by("pk").values_list("pk", flat=True))
            accept(held, ids, at + timedelta(minutes=10))
            tracking.record_hits(
                [
                    make_hit(pk, at + timedelta(minutes=11) + number * 7 % 2880 * timedelta(minutes=1), link=links[0])
                    for number, pk in enumerate(ids[::CLICKED])
                ]
            )


def accept(held: ledger.Held, ids: list[int], at: datetime) -> None:
    """Record that a server took these messages."""
    tally = Tally()
    ledger.record(held, [receipts.accepted(pk, Reply(250, [b"Ok"]), at=at) for pk in ids], tally)
    tally.write()


def by_counters(experiment: Experiment) -> tuple[list[int], list[int]]:
    """Return responses and recipients by arm as a look takes them."""
    found = selectors.matured(experiment, now=LATER)
    return list(found.successes), list(found.trials)


def by_messages(mailings: list[Mailing]) -> tuple[list[int], list[int]]:
    """Return the same from the messages."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FILTER (WHERE clicked_at <= accepted_at + make_interval(hours => %s)), count(*)
            FROM delivery_message WHERE mailing_id = ANY(%s) AND stratum > 0
              AND date_trunc('hour', accepted_at, 'UTC') + make_interval(hours => %s + 1) <= %s
            GROUP BY mailing_id ORDER BY mailing_id
            """,
            [WINDOW, [mailing.pk for mailing in mailings], WINDOW, LATER],
        )
        rows = cursor.fetchall()
    return [row[0] for row in rows], [row[1] for row in rows]


def reclass(mailings: list[Mailing]) -> None:
    """Let the link that nobody sees be followed within seconds of some clicks."""
    clicked = Message.objects.filter(mailing__in=mailings, clicked_at__isnull=False).order_by("pk")[:RECLASSED]
    traps = {mailing.pk: trap_of(mailing) for mailing in mailings}
    tracking.record_hits(
        [
            make_hit(message, message.clicked_at + timedelta(seconds=3), link=traps[message.mailing_id])
            for message in clicked
            if message.clicked_at
        ]
    )


def trap_of(mailing: Mailing) -> int:
    """Return the id of the link that nobody sees."""
    return Link.objects.get(mailing_id=mailing.pk, label=HONEYPOT_LABEL).pk


def whole_look(experiment: Experiment) -> None:
    """Take a look with all that belongs to it, and take it back."""
    with transaction.atomic():
        found = selectors.matured(experiment, now=LATER)
        abtests.record_look(
            experiment,
            responses=found.successes,
            sent=found.trials,
            complaints=found.complaints,
            unsubscribes=found.unsubscribes,
        )
        transaction.set_rollback(True)


def continuous(workspace: Workspace) -> dict[str, int]:
    """Return what a look costs where every hour of thirty days has rows of all ages: 1,000,000 recipients who come by."""
    experiment, mailings = make_test(workspace)
    ages = len(mailings[0].response_bounds) + 1
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO delivery_responsecounter (mailing_id, stratum, sent_hour, lag, sent, clicked)
            SELECT mailing, 1, %s + make_interval(hours => hour), lag, CASE lag WHEN 0 THEN %s ELSE 0 END, 1
            FROM unnest(%s::bigint[]) mailing, generate_series(0, 30 * 24 - 1) hour, generate_series(0, %s) lag
            """,
            [START - 30 * 24 * HOUR, N // ARMS // (30 * 24), [mailing.pk for mailing in mailings], ages - 1],
        )
        cursor.execute("ANALYZE delivery_responsecounter")
    seconds = median(lambda: by_counters(experiment), rounds=10)
    return {"us": round(seconds * 1e6), "rows": ARMS * 30 * 24 * ages}


def median(work: Callable[[], object], *, rounds: int = LOOKS) -> float:
    """Return the seconds that it takes, after one call to warm up."""
    work()
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)
