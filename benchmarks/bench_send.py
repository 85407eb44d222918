"""Messages a second through the product's own path: a campaign is launched, two worker processes send it to smtp-sink.

Timed from `launch_campaign` to the last acceptance, so enrolling and writing the messages is in it; every stop condition,
receipt, counter and fact is in place, `synchronous_commit=on`. Peers in the same run, to the same sink: Postfix's C load
generator (`smtp-source`, 16 sessions, 12 kB, no database, no rendering) after each round, django-post-office with two
processes, and a loop over smtplib that sends one prepared message again and again.

`cpu_us` is the CPU of the workers, of PostgreSQL and of the sink for each message. `ed25519` and `rsa` (2048 bits) are messages a
second with DKIM signatures, which the rounds are without. `peak_mb` is the largest resident size of one worker process, what
it shares with the others included.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from django.db.models import Sum

from benchmarks._costs import Costs
from benchmarks._peers import by_smtp_source, by_smtplib
from benchmarks._people import SENDER_DOMAIN, make_campaign, make_mailbox, make_people, make_workspace
from benchmarks._servers import ROOT, peak_mb, sink, workers
from campaigns import services as campaigns
from campaigns.models import Campaign, Status
from core import clock
from delivery import services as delivery
from delivery.dkim import Algorithm
from delivery.models import Counter, Message
from team.models import Workspace

N = int(os.environ.get("N", "50000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
WARM_UP = 1000
PEER_N = 2000
SOURCE_N = 20_000
SIGNED_N = min(N, 10_000)
PROCESSES = 2
PATIENCE_SECONDS = 1800


class Sent(NamedTuple):
    """One send: seconds from launch to the last acceptance and to completion, and from the first acceptance to the last."""

    seconds: float
    completed: float
    wire: float


def main() -> dict[str, Any]:
    """Return the benchmark's line; `value` is the median of ROUNDS rounds."""
    with sink() as (port, sink_pid), workers(PROCESSES) as process:
        send(prepare("warm-up", WARM_UP, port), WARM_UP)
        costs = Costs(process.pid, sink_pid)
        rates, wire_rates, c_rates, cpu = [], [], [], []
        for number in range(ROUNDS):
            campaign = prepare(f"round-{number}", N, port)
            costs.begin()
            sent = send(campaign, N)
            cpu.append(costs.per(N))
            rates.append(N / sent.seconds)
            wire_rates.append(N / sent.wire)
            c_rates.append(by_smtp_source(port, SOURCE_N))
        peak = peak_mb(process)
        signed = {algorithm.value: signed_rate(algorithm, port) for algorithm in (Algorithm.ED25519, Algorithm.RSA)}
    with sink() as (port, _):
        smtplib_rate = statistics.median(by_smtplib(port, PEER_N) for _ in range(ROUNDS))
        post_office_rate = by_post_office(port)
    rate = statistics.median(rates)
    return {
        "benchmark": "send",
        "value": round(rate),
        "unit": "messages/s",
        "ratios": {
            "smtp_source": round(statistics.median(ours / c for ours, c in zip(rates, c_rates, strict=True)), 2),
            "django_post_office": round(rate / post_office_rate, 1),
            "smtplib": round(rate / smtplib_rate, 2),
        },
        "first_to_last": round(statistics.median(wire_rates)),
        **{algorithm: round(found) for algorithm, found in signed.items()},
        "cpu_us": {name: round(statistics.median(found[name] for found in cpu), 1) for name in cpu[0]},
        "peak_mb": peak,
        "n": N,
    }


def prepare(slug: str, count: int, port: int) -> Campaign:
    """Write a workspace with contacts, a mailbox and a campaign that is ready to be launched."""
    workspace = make_workspace(slug)
    make_mailbox(workspace, port)
    return make_campaign(workspace, make_people(workspace, count), slug)


def send(campaign: Campaign, count: int) -> Sent:
    """Launch, and wait until all is accepted and the campaign is completed."""
    launched_at = clock.now()
    campaigns.launch_campaign(campaign, accept_warnings=True)
    wait_until(lambda: accepted(campaign.workspace) == count)
    wait_until(lambda: Campaign.objects.get(pk=campaign.pk).status == Status.COMPLETED)
    completed_at = Campaign.objects.get(pk=campaign.pk).completed_at
    assert completed_at is not None
    messages = Message.objects.filter(workspace=campaign.workspace)
    assert messages.count() == count
    first, last = (messages.order_by(order).values_list("accepted_at", flat=True)[0] for order in ORDERS)
    assert first is not None
    assert last is not None
    return Sent(
        (last - launched_at).total_seconds(),
        (completed_at - launched_at).total_seconds(),
        (last - first).total_seconds(),
    )


def signed_rate(algorithm: Algorithm, port: int) -> float:
    """Return the rate when all mail is signed by a key of this kind, with fewer messages."""
    slug = f"signed-{algorithm.value}"
    campaign = prepare(slug, SIGNED_N, port)
    domain = delivery.add_domain(workspace=campaign.workspace, name=SENDER_DOMAIN)
    delivery.activate_dkim_key(delivery.create_dkim_keys(domain, algorithms=[algorithm])[0])
    return SIGNED_N / send(campaign, SIGNED_N).seconds


ORDERS = ("accepted_at", "-accepted_at")


def accepted(workspace: Workspace) -> int:
    """Return how many messages of the workspace were accepted, by the counters: cheap enough to be asked often."""
    found = Counter.objects.filter(mailing__workspace=workspace).aggregate(accepted=Sum("accepted"))
    return found["accepted"] or 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Look ten times a second until the condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("It took too long.")
        time.sleep(0.1)


def by_post_office(port: int) -> float:
    """Return the rate of django-post-office with two processes, rendering a Django template of the same size."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "benchmarks._post_office_settings", "SINK_PORT": str(port)}
    command = [sys.executable, "-m", "benchmarks._post_office", str(PEER_N), str(PROCESSES)]
    result = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return float(json.loads(result.stdout.splitlines()[-1])["rate"])
