"""Enrolments a second through a branch and an email step, beside N that sleep: claimed, asked, decided, queued, committed.

N (1,000,000; by the environment) contacts enter a sequence and sleep in it for thirty days: `enrol_s` in all, and
`idle_tick_ms` is what a tick costs then. Up to 100,000 of them enter a second one, whose branch on a field sends either of two
emails: `value` is how fast two workers move them, `cpu_us` what one of them costs in the workers and in PostgreSQL together with
its background processes. `peak_growth_mb` is how much more memory a worker has had at its peak than before.
The peers: what a queue of jobs does, the same rules for one enrolment at a time, each in a transaction of its own; and the
reference interpreter of the engine's tests, which is plain Python without a database.
"""

import os
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from typing import Any, NamedTuple

import django
import psutil
from django.db import connection, transaction

from core import clock
from delivery.models import Mailbox, Mailing, Message
from delivery.services import queue_messages
from sequences import services
from sequences.models import Enrolment, Sequence
from team.models import Workspace
from tests.integration.sequences.reference import Fate, Interpreter, Person

N = int(os.environ.get("N", "1000000"))
DUE = min(N, 100_000)
CHUNK = 10_000
IDLE_TICKS = 200
PEER = 500
WORKERS = 2
BODY = '<p>Hello {{ firstName }}</p><p><a href="{{ unsubscribeUrl }}">Unsubscribe</a> {{ workspace.address }}</p>'


def main() -> dict[str, Any]:
    """Return the benchmark's line."""
    workspace = Workspace.objects.create(name="Bench", slug="bench")
    mailbox = Mailbox.objects.create(workspace=workspace, from_email="bench@example.com", smtp_host="127.0.0.1")
    ids = make_contacts(workspace, N)
    sleeping = make_sequence(workspace, [{"kind": "wait", "wait": "P30D"}, email("Later")])
    moving = make_sequence(workspace, [branch(), {"kind": "wait", "wait": "P1D"}, email("Last")])
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn"), initializer=django.setup) as pool:
        enrol(make_sequence(workspace, [branch()]), mailbox, ids[:CHUNK])
        list(pool.map(warm_up, range(WORKERS)))
        enrol_s = enrol(sleeping, mailbox, ids)
        idle = statistics.median(timed(lambda: services.advance_due(now=clock.now())) for _ in range(IDLE_TICKS))
        enrol(moving, mailbox, ids[:DUE])
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        busy = postgres_seconds()
        started = time.perf_counter()
        moved = list(pool.map(advance, range(WORKERS)))
        seconds = time.perf_counter() - started
        busy = postgres_seconds() - busy
    sent = Message.objects.filter(mailing__steps__version__sequence=moving).count()
    if sent != DUE:
        raise AssertionError(f"{sent} messages for {DUE} enrolments.")
    rate = DUE / seconds
    peers = {
        "one_by_one": one_by_one(workspace, mailbox, ids[:PEER]),
        "reference": reference(ids[:PEER]),
    }
    return {
        "benchmark": "tick",
        "value": round(rate),
        "unit": "enrolments/s",
        "ratios": {name: round(rate / peer, 1) for name, peer in peers.items()},
        "idle_tick_ms": round(idle * 1000, 2),
        "enrol_s": round(enrol_s, 2),
        "peak_growth_mb": max(each.grown_mb for each in moved),
        "cpu_us": {
            "workers": round(sum(each.cpu_seconds for each in moved) / DUE * 1e6, 1),
            "postgres": round(busy / DUE * 1e6, 1),
        },
        "shares": sorted(each.moved for each in moved),
        "due": DUE,
        "n": N,
    }


class Moved(NamedTuple):
    """What one worker did."""

    moved: int
    cpu_seconds: float
    grown_mb: int


def warm_up(number: int) -> int:
    """Fill a worker's caches and plans with a share of what is due."""
    return services.advance_due(now=clock.now(), limit=CHUNK // WORKERS)


def advance(number: int) -> Moved:
    """Move what is due until nothing is left for this worker."""
    before, busy = peak_kb(), time.process_time()
    moved = services.advance_due(now=clock.now())
    return Moved(moved, time.process_time() - busy, (peak_kb() - before) // 1024)


def peak_kb() -> int:
    """Return the largest resident size that this process has had, in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def postgres_seconds() -> float:
    """Return the processor time of all processes of this benchmark's PostgreSQL so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    parent = psutil.Process(backend).parent()
    if parent is None:
        raise RuntimeError("PostgreSQL's backend has no parent.")
    times = [member.cpu_times() for member in (parent, *parent.children(recursive=True))]
    return sum(each.user + each.system for each in times)


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


def reference(ids: list[int]) -> float:
    """Return the enrolments a second of the reference interpreter, one tick each; it neither reads nor writes anything."""
    asked = {"key": "asks", "kind": "branch", "on": "field", "field": "custom.plan", "value": "pro"}
    mails = {lane: [{"key": lane, "kind": "email", "subject": lane}] for lane in ("yes", "no")}
    steps = [{**asked, "lanes": mails}, {"key": "wait", "kind": "wait", "wait": timedelta(days=1)}]
    steps.append({"key": "last", "kind": "email", "subject": "Last"})
    now, fate = clock.now(), Fate(1)
    people = [Person(pk, "UTC", "pro" if pk % 3 else "free", in_list=False, renewal=None) for pk in ids]
    started = time.perf_counter()
    for person in people:
        story = Interpreter(
            steps,
            person,
            lambda _key, _before: fate,
            start=now,
            tick=timedelta(hours=1),
            ticks=1,
            contact_id=person.number,
        )
        story.tell()
    return len(people) / (time.perf_counter() - started)
