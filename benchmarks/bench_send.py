"""Messages a second through the product's own path: a campaign is launched, two worker processes send it to smtp-sink.

Timed from `launch_campaign` to the last acceptance, so enrolling and writing the messages is in it; every stop condition,
receipt, counter and fact is in place, `synchronous_commit=on`. Peers in the same run, to the same sink: Postfix's C load
generator (`smtp-source`, 16 sessions, 12 kB, no database, no rendering), django-post-office with two processes, and a loop
over smtplib that sends one prepared message again and again.
"""

import json
import os
import smtplib
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks._mail import SOURCE, SUBJECT, attributes
from benchmarks._servers import ROOT, peak_mb, program, sink, workers
from campaigns import services as campaigns
from campaigns.models import Campaign
from contacts.models import Contact, List, ListMember
from core import clock
from delivery import services
from delivery.models import Message, MessageState
from team.models import Workspace
from templates_lib.models import Template, TemplateVersion

N = int(os.environ.get("N", "20000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
WARM_UP = 1000
PEER_N = 2000
SOURCE_N = 20_000
PROCESSES = 2
PATIENCE_SECONDS = 600


def main() -> dict[str, Any]:
    """Return the benchmark's line; `value` is the median of ROUNDS rounds."""
    with sink() as port, workers(PROCESSES) as process:
        send(prepare("warm-up", WARM_UP, port), WARM_UP)
        rates, wire_rates, c_rates = [], [], []
        for number in range(ROUNDS):
            campaign = prepare(f"round-{number}", N, port)
            seconds, wire_seconds = send(campaign, N)
            rates.append(N / seconds)
            wire_rates.append(N / wire_seconds)
            c_rates.append(by_smtp_source(port))
        peak = peak_mb(process)
    with sink() as port:
        smtplib_rate = statistics.median(by_smtplib(port) for _ in range(ROUNDS))
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
        "peak_mb": peak,
        "n": N,
    }


def prepare(slug: str, count: int, port: int) -> Campaign:
    """Write a workspace with contacts, a mailbox and a campaign that is ready to be launched."""
    workspace = Workspace.objects.create(name=slug, slug=slug, company="Example Ltd", postal_address="1 Example Street")
    services.create_mailbox(
        workspace=workspace,
        from_email="news@sender.example",
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_security="plain",
    )
    everyone = List.objects.create(workspace=workspace, name="Everyone")
    for start in range(0, count, 5000):
        made = Contact.objects.bulk_create(
            Contact(
                workspace=workspace,
                email=f"person{number}@example.com",
                email_key=f"person{number}@example.com",
                first_name=f"Given{number % 977}",
                last_name="Family",
                company=f"Company {number % 500} Ltd",
                attributes=attributes(number),
            )
            for number in range(start, min(start + 5000, count))
        )
        ListMember.objects.bulk_create(ListMember(list=everyone, contact=contact) for contact in made)
    template = Template.objects.create(workspace=workspace, name="Newsletter")
    template.current_version = TemplateVersion.objects.create(
        template=template, number=1, format="html", subject=SUBJECT, source=SOURCE
    )
    template.save(update_fields=["current_version"])
    campaign = campaigns.create_campaign(workspace=workspace, name=slug, lists=[everyone], template=template)
    campaigns.check_campaign(campaign)
    wait_until(lambda: not campaign.checks.filter(finished_at=None).exists())
    return campaign


def send(campaign: Campaign, count: int) -> tuple[float, float]:
    """Launch and wait for the last acceptance; return the seconds from the launch, and from the first acceptance."""
    began, launched_at = time.perf_counter(), clock.now()
    campaigns.launch_campaign(campaign, accept_warnings=True)
    messages = Message.objects.filter(workspace=campaign.workspace)
    wait_until(lambda: messages.filter(state=MessageState.ACCEPTED).count() == count)
    times = list(messages.order_by("accepted_at").values_list("accepted_at", flat=True))
    assert messages.count() == count
    assert began
    first, last = times[0], times[-1]
    return (last - launched_at).total_seconds(), (last - first).total_seconds()


def wait_until(condition: Any) -> None:
    """Look five times a second until the condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("It took too long.")
        time.sleep(0.2)


def by_smtp_source(port: int) -> float:
    """Return the rate of Postfix's load generator."""
    command = [program("smtp-source"), "-d", "-s", "16", "-l", "12000", "-m", str(SOURCE_N)]
    command += ["-f", "news@sender.example", "-t", "person@example.com", f"127.0.0.1:{port}"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return SOURCE_N / (time.perf_counter() - began)


def by_smtplib(port: int) -> float:
    """Return the rate of a loop over smtplib on one connection."""
    body = "Subject: x\r\n\r\n" + "Lorem ipsum dolor sit amet, consectetur adipiscing elit.\r\n" * 200
    with smtplib.SMTP("127.0.0.1", port) as connection:
        began = time.perf_counter()
        for number in range(PEER_N):
            connection.sendmail("news@sender.example", f"person{number}@example.com", body)
        return PEER_N / (time.perf_counter() - began)


def by_post_office(port: int) -> float:
    """Return the rate of django-post-office with two processes, rendering a Django template of the same size."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "benchmarks._post_office_settings", "SINK_PORT": str(port)}
    command = [sys.executable, "-m", "benchmarks._post_office", str(PEER_N), str(PROCESSES)]
    result = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return float(json.loads(result.stdout.splitlines()[-1])["rate"])
