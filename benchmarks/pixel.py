"""Opens and clicks a second: the tracking endpoint under granian on two cores, then the drainer.

The load generator, Redis and PostgreSQL share the cores; the generator's share of them is printed, and the endpoint's CPU time a
hit, which a busy machine changes less than the rest. `value` is what the
endpoint answers while hits collect in Redis, `with_drainer` while the drainer works beside it. `lost` is what was answered and
is not in PostgreSQL at the end.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
from django.db import connection

from core import clock
from core import redis as core_redis
from delivery.models import Link, Mailbox, Mailing
from delivery.tokens import link_id, link_token, open_token
from team.models import Workspace
from tracking import chunks, services
from tracking.models import Event

ROOT = Path(__file__).resolve().parents[1]
MESSAGES = 100_000
LINKS = 5
CLICKED_SHARE = 5
WORKERS = 2
CONNECTIONS = 64
PORT = 18_931
ROUNDS = 3
ROUND_SECONDS = 4.0
CORES = len(os.sched_getaffinity(0))


def main() -> dict[str, Any]:
    """Measure and return the contract's object."""
    services.prepare_partitions()
    paths = make_paths()
    with server("asgi", "tracking.asgi:application") as endpoint:
        answered = load(paths, 1.0)["answered"]
        busy = cpu_seconds(endpoint)
        rounds = [load(paths, ROUND_SECONDS) for _ in range(ROUNDS)]
        busy = cpu_seconds(endpoint) - busy
        answered += sum(result["answered"] for result in rounds)
        started = time.perf_counter()
        drained = services.drain()
        drain_rate = drained / (time.perf_counter() - started)
        drainer = subprocess.Popen([sys.executable, "manage.py", "drain_hits"], cwd=ROOT)
        time.sleep(3.0)
        together = [load(paths, ROUND_SECONDS) for _ in range(ROUNDS)]
        answered += sum(result["answered"] for result in together)
        drainer.terminate()
        drainer.wait()
    services.drain()
    kept = Event.objects.count()
    left = chunks.waiting(core_redis.client())
    with server("wsgi", "benchmarks._orm_pixel:application", "--blocking-threads", "4"):
        load(paths, 1.0)
        peer = [load(paths, ROUND_SECONDS) for _ in range(ROUNDS)]
    value, orm = rate(rounds), rate(peer)
    return {
        "benchmark": "pixel",
        "value": round(value),
        "unit": "hits/s",
        "p99_ms": round(statistics.median(result["p99_ms"] for result in rounds), 2),
        "lost": round(answered) - kept,
        "failed": round(sum(result["failed"] for result in rounds + together)),
        "ratios": {"orm_insert": round(value / orm, 1)},
        "orm_insert": round(orm),
        "orm_insert_p99_ms": round(statistics.median(result["p99_ms"] for result in peer), 2),
        "with_drainer": round(rate(together)),
        "with_drainer_p99_ms": round(statistics.median(result["p99_ms"] for result in together), 2),
        "drained_per_s": round(drain_rate),
        "endpoint_cpu_us": round(busy / sum(result["answered"] for result in rounds) * 1e6, 1),
        "generator_share": round(sum(r["cpu_s"] for r in rounds) / sum(r["seconds"] for r in rounds) / CORES, 2),
        "cores": CORES,
        "n": round(answered),
        "left_in_buffer": left,
    }


def make_paths() -> list[str]:
    """Write messages that were sent, and return a pixel's path for each and a link's for every fifth."""
    workspace = Workspace.objects.create(name="Bench", slug="bench")
    mailbox = Mailbox.objects.create(workspace=workspace, from_email="bench@example.com", smtp_host="127.0.0.1")
    mailing = Mailing.objects.create(workspace=workspace, name="Bench", format="html", subject="", source="")
    urls = [f"https://example.com/{n}" for n in range(LINKS)]
    links = [link_id(mailing.pk, url) for url in urls]
    Link.objects.bulk_create(
        Link(id=link, mailing_id=mailing.pk, url=url, label=url) for link, url in zip(links, urls, strict=True)
    )
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH people AS (
                INSERT INTO contacts_contact (workspace_id, email, email_key, created_at, updated_at)
                SELECT %(workspace)s, 'p' || n || '@example.com', 'p' || n || '@example.com', %(now)s, %(now)s
                FROM generate_series(1, %(count)s) n RETURNING id
            )
            INSERT INTO delivery_message (workspace_id, mailing_id, contact_id, mailbox_id, key, state, created_at, due_at, accepted_at)
            SELECT %(workspace)s, %(mailing)s, id, %(mailbox)s, id::text, 1, %(now)s, %(now)s, %(now)s FROM people
            RETURNING id
            """,
            {"workspace": workspace.pk, "mailing": mailing.pk, "mailbox": mailbox.pk, "now": now, "count": MESSAGES},
        )
        messages = [row[0] for row in cursor.fetchall()]
        cursor.execute("ANALYZE")
    paths = []
    for number, message in enumerate(messages):
        paths.append(f"/o/{open_token(message)}")
        if number % CLICKED_SHARE == 0:
            paths.append(f"/l/{link_token(message, links[number % LINKS])}")
    return paths


def load(paths: list[str], seconds: float) -> dict[str, float]:
    """Run the load generator in a process of its own and return what it prints."""
    command = [sys.executable, "-m", "benchmarks._http_load", str(PORT), str(seconds), str(CONNECTIONS)]
    done = subprocess.run(command, cwd=ROOT, input="\n".join(paths), text=True, capture_output=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def rate(results: list[dict[str, float]]) -> float:
    """Return the median of answered requests a second."""
    return statistics.median(result["answered"] / result["seconds"] for result in results)


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time that a server and its workers have used."""
    times = [member.cpu_times() for member in [process, *process.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


@contextmanager
def server(interface: str, application: str, *options: str) -> Iterator[psutil.Process]:
    """Run granian with two workers as Drumbeat does."""
    command = [sys.executable, "-m", "granian", "--interface", interface, "--host", "127.0.0.1", "--port", str(PORT)]
    command += ["--workers", str(WORKERS), "--no-ws", "--log-level", "warning", *options, application]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        _wait_until_up(process)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_until_up(process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError("granian did not start.")
