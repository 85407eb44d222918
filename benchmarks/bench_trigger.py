"""Events a second into a triggered campaign: POST events/ to the web server, the handler, the engine, the queue, the sink.

Clients send RATE events a second, EVENTS_EACH a request, for SECONDS, through granian as Drumbeat runs it, with two worker
processes and beat beside it; every event is of another contact and lets it in. `value` is how many events a second were
answered; `p99_s` is from a request's first byte to the moment when its message is seen in the ledger, which is asked 20 times
a second. `single` is the same with one event a request at a rate that the machine keeps up with (SINGLE_RATE).
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from benchmarks._mail import SOURCE, SUBJECT
from benchmarks._people import make_mailbox, make_people, make_workspace
from benchmarks._servers import ROOT, START_SECONDS, free_port, sink, workers
from campaigns import services as campaigns
from campaigns.models import Campaign, Check
from config.processes import WEB_THREADS
from contacts.models import List
from core import clock
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
LINGER_SECONDS = 30.0
URL = "/api/v1/events/"


def main() -> dict[str, Any]:
    """Return the benchmark's line."""
    with sink() as (port, _), workers(PROCESSES), web() as web_port:
        measure(web_port, port, "warm-up", rate=RATE, each=EVENTS_EACH, seconds=5)
        many = measure(web_port, port, "trigger", rate=RATE, each=EVENTS_EACH, seconds=SECONDS)
        single = measure(web_port, port, "single", rate=SINGLE_RATE, each=1, seconds=SINGLE_SECONDS)
    return {
        "benchmark": "trigger",
        "value": many["rate"],
        "unit": "events/s",
        "p99_s": many["p99_s"],
        "median_s": many["median_s"],
        "max_s": many["max_s"],
        "lost": many["lost"],
        "answer_p99_ms": many["answer_p99_ms"],
        "events_each": EVENTS_EACH,
        "single": single,
        "n": RATE * SECONDS,
    }


@contextmanager
def web() -> Iterator[int]:
    """Run the web server as Drumbeat does; yields its port."""
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
        yield port
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


def measure(web_port: int, sink_port: int, slug: str, *, rate: int, each: int, seconds: int) -> dict[str, Any]:
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
    for thread in threads:
        thread.start()
    queued_at = watch(workspace, rate * seconds, until=begin + seconds + LINGER_SECONDS)
    for thread in threads:
        thread.join()
    if refused:
        raise RuntimeError(f"{len(refused)} requests were refused: {sorted(set(refused))}.")
    late = sorted(queued_at[pk] - sent_at[pk] for pk in queued_at)
    last_sent = max(sent_at.values())
    return {
        "rate": round(len(sent_at) / max(last_sent + took[-1] - begin, seconds), 1),
        "p99_s": round(late[int(len(late) * 0.99)], 3),
        "median_s": round(statistics.median(late), 3),
        "max_s": round(late[-1], 3),
        "answer_p99_ms": round(sorted(took)[int(len(took) * 0.99)] * 1000, 1),
        "lost": rate * seconds - len(queued_at),
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


def watch(workspace: Workspace, expected: int, *, until: float) -> dict[int, float]:
    """Note when each contact's message is first seen in the ledger."""
    seen: dict[int, float] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM delivery_message")
        (last,) = cursor.fetchone()
        while len(seen) < expected and time.monotonic() < until:
            # Ids are given before the commit, so a smaller one may show later.
            cursor.execute(
                "SELECT id, contact_id FROM delivery_message WHERE id > %s AND workspace_id = %s",
                [last - 5_000, workspace.pk],
            )
            now = time.monotonic()
            for pk, contact_id in cursor.fetchall():
                seen.setdefault(contact_id, now)
                last = max(last, pk)
            time.sleep(POLL_SECONDS)
    return seen
