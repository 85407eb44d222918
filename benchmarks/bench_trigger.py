"""Events a second into a triggered campaign: POST events/ to the web server, the handler, the engine, the queue, the sink.

Clients send RATE events a second, EVENTS_EACH a request, for SECONDS, through granian as Drumbeat runs it, with two worker
processes and beat beside it; every event is of another contact and lets it in. `value` is how many events a second were
answered; `p99_s` is from a request's first byte to the moment when its message is seen in the ledger, which is asked 20 times
a second. `cpu_us` is the processor time an event, by who used it, until the last message was queued; mail goes out meanwhile.
`single` is the same with one event a request at a rate that the machine keeps up with (SINGLE_RATE).  `lost` counts events
without a message LINGER_SECONDS after the last answer, `stuck` says where those are.  `RATE=200 SECONDS=10` is a short trial.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from benchmarks._costs import Costs
from benchmarks._mail import SOURCE, SUBJECT
from benchmarks._people import make_mailbox, make_people, make_workspace
from benchmarks._servers import ROOT, START_SECONDS, free_port, sink, workers
from campaigns import services as campaigns
from campaigns.models import Campaign, Check
from config.processes import WEB_THREADS
from contacts.models import List
from core import clock
from core.redis import client as store
from team.models import Workspace
from team.services import create_token

RATE = int(os.environ.get("RATE", "500"))
SECONDS = int(os.environ.get("SECONDS", "60"))
EVENTS_EACH = int(os.environ.get("EVENTS_EACH", "10"))
SINGLE_RATE = int(os.environ.get("SINGLE_RATE", "100"))
SINGLE_SECONDS = min(SECONDS, 20)
CLIENTS = 8
PROCESSES = 2
POLL_SECONDS = 0.05
# How long ago the newest message was that is asked for again at each look; once a second LOOK_BACK messages are.
OVERLAP_SECONDS = 0.5
LOOK_BACK = 10_000
LINGER_SECONDS = 30.0
URL = "/api/v1/events/"


def main() -> dict[str, Any]:
    """Return the benchmark's line."""
    with sink() as (port, sink_pid), workers(PROCESSES) as worker, web() as (web_port, web_pid):
        costs = Costs(worker.pid, sink_pid, web=web_pid, redis=int(store().info("server")["process_id"]))  # type: ignore[index]  # redis-py's answer of either client
        measure(web_port, port, "warm-up", costs, rate=RATE, each=EVENTS_EACH, seconds=5)
        many = measure(web_port, port, "trigger", costs, rate=RATE, each=EVENTS_EACH, seconds=SECONDS)
        single = measure(web_port, port, "single", costs, rate=SINGLE_RATE, each=1, seconds=SINGLE_SECONDS)
    return {
        "benchmark": "trigger",
        "value": many.pop("rate"),
        "unit": "events/s",
        **many,
        "events_each": EVENTS_EACH,
        "single": single,
        "n": RATE * SECONDS,
    }


@contextmanager
def web() -> Iterator[tuple[int, int]]:
    """Run the web server as Drumbeat does; yields its port and the id of its first process."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "2", "--blocking-threads", str(WEB_THREADS), "--no-ws", "--log-level", "warning"]
    process = subprocess.Popen([*command, "config.wsgi:application"], cwd=ROOT)
    deadline = time.monotonic() + START_SECONDS
    try:
        while not answers(port):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("granian did not start.")
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    """Tell whether the web server answers."""
    try:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        client.request("GET", "/healthz")
        return client.getresponse().status == 200
    except OSError:
        return False


def measure(
    web_port: int, sink_port: int, slug: str, costs: Costs, *, rate: int, each: int, seconds: int
) -> dict[str, Any]:
    """Send events at a rate and return how many were taken, and how late their messages were queued."""
    workspace = make_workspace(slug)
    make_mailbox(workspace, sink_port)
    everyone = make_people(workspace, rate * seconds)
    launch(workspace, slug)
    contacts = members(everyone)
    tokens = [create_token(workspace=workspace, name=f"Client {n}", created_by=None)[1] for n in range(rate // 5 + 1)]
    sent_at: dict[int, float] = {}
    took: list[float] = []
    refused: list[int] = []
    begin = time.monotonic() + 0.5

    def client(number: int) -> None:
        """Send every CLIENTS-th request at its moment, each with another token, as one may make ten requests a second."""
        server = http.client.HTTPConnection("127.0.0.1", web_port, timeout=60)
        for request in range(number, rate * seconds // each, CLIENTS):
            own = contacts[request * each : (request + 1) * each]
            events = [{"name": "order.paid", "contact": pk, "properties": {"order": pk}, "key": f"o{pk}"} for pk in own]
            time.sleep(max(begin + request * each / rate - time.monotonic(), 0))
            started = time.monotonic()
            sent_at.update(dict.fromkeys(own, started))
            headers = {"Authorization": f"Bearer {tokens[request % len(tokens)]}", "Content-Type": "application/json"}
            server.request("POST", URL, json.dumps(events if each > 1 else events[0]), headers)
            answer = server.getresponse()
            answer.read()
            took.append(time.monotonic() - started)
            if answer.status not in (200, 201):
                refused.append(answer.status)

    threads = [threading.Thread(target=client, args=[number]) for number in range(CLIENTS)]
    costs.begin()
    own_cpu = time.process_time()
    for thread in threads:
        thread.start()
    queued_at = watch(workspace, rate * seconds, threads)
    used = {**costs.per(rate * seconds), "generator": round((time.process_time() - own_cpu) / rate / seconds * 1e6, 1)}
    for thread in threads:
        thread.join()
    if refused:
        raise RuntimeError(f"{len(refused)} requests were refused: {sorted(set(refused))}.")
    late = sorted(queued_at[pk] - sent_at[pk] for pk in queued_at)
    last_sent = max(sent_at.values())
    lost = rate * seconds - len(queued_at)
    return {
        "rate": round(len(sent_at) / max(last_sent + took[-1] - begin, seconds), 1),
        "p99_s": round(late[int(len(late) * 0.99)], 3),
        "median_s": round(statistics.median(late), 3),
        "max_s": round(late[-1], 3),
        "answer_median_ms": round(statistics.median(took) * 1000, 1),
        "answer_p99_ms": round(sorted(took)[int(len(took) * 0.99)] * 1000, 1),
        "cpu_us": used,
        "load": round(os.getloadavg()[0], 1),
        "lost": lost,
        **({"stuck": where_stuck(workspace)} if lost else {}),
    }


def launch(workspace: Workspace, slug: str) -> Campaign:
    """Write a triggered campaign of one email and let it run."""
    step = {"kind": "email", "subject": SUBJECT, "source": SOURCE}
    campaign = campaigns.create_campaign(
        workspace=workspace, name=slug, kind="triggered", trigger={"kind": "event", "event": "order.paid"}, steps=[step]
    )
    now = clock.now()
    Check.objects.create(
        campaign=campaign, campaign_version=campaign.version, status=Check.Status.COMPLETED, finished_at=now
    )
    campaigns.launch_campaign(campaign)
    return campaign


def members(everyone: List) -> list[int]:
    """Return the ids of the list's contacts."""
    return list(everyone.list_members.order_by("contact_id").values_list("contact_id", flat=True))


def watch(workspace: Workspace, expected: int, threads: list[threading.Thread]) -> dict[int, float]:
    """Note when each contact's message is first seen in the ledger, until LINGER_SECONDS after the clients have ended."""
    seen: dict[int, float] = {}
    until: float | None = None
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM delivery_message")
        (last,) = cursor.fetchone()
        newest: deque[tuple[float, int]] = deque([(time.monotonic(), last)])
        looked_back = time.monotonic()
        while len(seen) < expected and (until is None or time.monotonic() < until):
            if until is None and not any(thread.is_alive() for thread in threads):
                until = time.monotonic() + LINGER_SECONDS
            started = time.monotonic()
            while len(newest) > 1 and newest[1][0] < started - OVERLAP_SECONDS:
                newest.popleft()
            # Ids are given before the commit, so a smaller one may show later.
            after = newest[0][1]
            if started > looked_back + 1:
                after, looked_back = last - LOOK_BACK, started
            cursor.execute(
                "SELECT id, contact_id FROM delivery_message WHERE id > %s AND workspace_id = %s", [after, workspace.pk]
            )
            now = time.monotonic()
            for pk, contact_id in cursor.fetchall():
                seen.setdefault(contact_id, now)
                last = max(last, pk)
            newest.append((started, last))
            time.sleep(POLL_SECONDS)
    return seen


def where_stuck(workspace: Workspace) -> dict[str, Any]:
    """Say how far the events without a message have come."""
    stations = {
        "events": "SELECT count(*) FROM tracking_customevent WHERE workspace_id = %(workspace)s",
        "facts_unread": "SELECT count(*) FROM core_fact f WHERE workspace_id = %(workspace)s AND kind = %(kind)s"
        " AND coalesce(f.position > (SELECT min(position) FROM core_factcursor WHERE handler LIKE '%%note_custom_events%%'), TRUE)",
        "failures": "SELECT count(*) FROM core_factfailure",
        "error": "SELECT min(error) FROM core_factfailure",
        "arrivals": "SELECT count(*) FROM campaigns_arrival",
        "enrolled": "SELECT count(*) FROM sequences_enrolment e JOIN sequences_sequence s ON s.id = e.sequence_id"
        " WHERE s.workspace_id = %(workspace)s",
        "messages": "SELECT count(*) FROM delivery_message WHERE workspace_id = %(workspace)s",
    }
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for name, query in stations.items():
            cursor.execute(query, {"workspace": workspace.pk, "kind": "tracking.CustomEventsRecorded"})
            (found[name],) = cursor.fetchone()
    return found
