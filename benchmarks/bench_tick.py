"""Enrolments a second through a branch and an email step, beside N that sleep: claimed, asked, decided, queued, committed.

N (1,000,000; by the environment) contacts enter a sequence and sleep in it for thirty days: `enrol_s` in all, and
`idle_tick_ms` is what a tick costs then. Up to 100,000 of them enter a second one, whose branch on a field sends either of two
emails: `value` is how fast the engine moves them, one process beside its PostgreSQL, and `cpu_us` what one costs in that
process. The peer is what a queue of jobs does: the same rules for one enrolment at a time, each in a transaction of its own.
"""

import os
import statistics
import time
from datetime import timedelta
from typing import Any

import psutil
from django.db import connection, transaction

from core import clock
from delivery.models import Mailbox, Mailing, Message
from delivery.services import queue_messages
from sequences import services
from sequences.models import Enrolment, Sequence
from team.models import Workspace

N = int(os.environ.get("N", "1000000"))
DUE = min(N, 100_000)
CHUNK = 10_000
IDLE_TICKS = 200
PEER = 500
BODY = '<p>Hello {{ firstName }}</p><p><a href="{{ unsubscribeUrl }}">Unsubscribe</a> {{ workspace.address }}</p>'


def main() -> dict[str, Any]:
    """Return the benchmark's line."""
    workspace = Workspace.objects.create(name="Bench", slug="bench")
    mailbox = Mailbox.objects.create(workspace=workspace, from_email="bench@example.com", smtp_host="127.0.0.1")
    ids = make_contacts(workspace, N)
    sleeping = make_sequence(workspace, [{"kind": "wait", "wait": "P30D"}, email("Later")])
    moving = make_sequence(workspace, [branch(), {"kind": "wait", "wait": "P1D"}, email("Last")])
    warm_up(workspace, mailbox, ids[:CHUNK])

    enrol_s = enrol(sleeping, mailbox, ids)
    idle = statistics.median(timed(lambda: services.advance_due(now=clock.now())) for _ in range(IDLE_TICKS))
    enrol(moving, mailbox, ids[:DUE])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    before = psutil.Process().memory_info().rss
    now, busy = clock.now(), time.process_time()
    seconds = timed(lambda: services.advance_due(now=now))
    busy = time.process_time() - busy
    grown = psutil.Process().memory_info().rss - before
    sent = Message.objects.filter(mailing__steps__version__sequence=moving).count()
    if sent != DUE:
        raise AssertionError(f"{sent} messages for {DUE} enrolments.")
    rate = DUE / seconds
    return {
        "benchmark": "tick",
        "value": round(rate),
        "unit": "enrolments/s",
        "ratios": {"one_by_one": round(rate / one_by_one(workspace, mailbox, ids[:PEER]), 1)},
        "idle_tick_ms": round(idle * 1000, 2),
        "enrol_s": round(enrol_s, 2),
        "grown_mb": round(grown / 2**20),
        "cpu_us": round(busy / DUE * 1e6, 1),
        "due": DUE,
        "n": N,
    }


def timed(work: Any) -> float:
    """Return how many seconds it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def email(subject: str) -> dict[str, Any]:
    """Return an email step."""
    return {"kind": "email", "subject": subject, "source": BODY}


def branch() -> dict[str, Any]:
    """Return a branch on a field with an email in each lane."""
    asked = {"kind": "branch", "on": "field", "field": "company", "operator": "is", "value": "Company 1"}
    return {**asked, "lanes": {"yes": [email("One")], "no": [email("Other")]}}


def make_sequence(workspace: Workspace, steps: list[dict[str, Any]]) -> Sequence:
    """Publish a sequence."""
    sequence = services.create_sequence(workspace=workspace, name="Bench")
    services.replace_steps(sequence, steps=steps)
    services.publish(sequence)
    return sequence


def make_contacts(workspace: Workspace, count: int) -> list[int]:
    """Write contacts in one statement and return their ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO contacts_contact (workspace_id, email, email_key, first_name, company, tracking, created_at, updated_at)
            SELECT %s, 'p' || n || '@example.com', 'p' || n || '@example.com', 'P' || n, 'Company ' || n %% 3, 'individual', %s, %s
            FROM generate_series(1, %s) n RETURNING id
            """,
            [workspace.pk, clock.now(), clock.now(), count],
        )
        return [pk for (pk,) in cursor.fetchall()]


def enrol(sequence: Sequence, mailbox: Mailbox, ids: list[int]) -> float:
    """Let the contacts enter, a chunk a transaction; return the seconds."""
    started = time.perf_counter()
    for at in range(0, len(ids), CHUNK):
        chunk = ids[at : at + CHUNK]
        services.enrol_contacts(
            sequence=sequence, contact_ids=chunk, mailbox_ids=[mailbox.pk] * len(chunk), due_at=clock.now()
        )
    return time.perf_counter() - started


def warm_up(workspace: Workspace, mailbox: Mailbox, ids: list[int]) -> None:
    """Fill caches and plans."""
    sequence = make_sequence(workspace, [branch()])
    enrol(sequence, mailbox, ids)
    services.advance_due(now=clock.now())


def one_by_one(workspace: Workspace, mailbox: Mailbox, ids: list[int]) -> float:
    """Return the enrolments a second of a job for each: load it, ask its contact, queue its message, save it."""
    sequence = make_sequence(workspace, [branch()])
    mailings = dict(Mailing.objects.filter(steps__version__sequence=sequence).values_list("subject", "pk"))
    enrol(sequence, mailbox, ids)
    started = time.perf_counter()
    for pk in Enrolment.objects.filter(sequence=sequence).values_list("pk", flat=True):
        with transaction.atomic():
            enrolment = Enrolment.objects.select_for_update(of=["self"]).select_related("contact").get(pk=pk)
            subject = "One" if enrolment.contact.company == "Company 1" else "Other"
            queue_messages(
                mailing=Mailing.objects.get(pk=mailings[subject]),
                contact_ids=[enrolment.contact_id],
                mailbox_ids=[mailbox.pk],
                keys=[f"peer:{pk}"],
                due_at=clock.now(),
                now=clock.now(),
            )
            enrolment.due_at = next_look(enrolment)
            enrolment.save()
    return len(ids) / (time.perf_counter() - started)


def next_look(enrolment: Enrolment) -> Any:
    """Return when the peer would look at it again."""
    return enrolment.entered_step_at + timedelta(days=1)
