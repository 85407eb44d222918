"""CSV rows a second: a file of 100,000 contacts, from "Start import" to "completed", by a Celery worker.

Six columns, two of them custom fields, into a list; validated, deduplicated, merged with `synchronous_commit=on`. Each round
has a workspace of its own; `reimport` is the same file once more, in which nothing has changed. The peer is the loop that
Django's documentation suggests: csv, `validate_email`, and `bulk_create(update_conflicts=True)` in batches of 1,000, the list's
memberships with it; it rejects, counts, resumes and reports nothing.
"""

import csv
import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.validators import validate_email
from django.db import transaction

from contacts import services
from contacts.models import Contact, Import, List, ListMember
from team.models import Workspace

ROOT = Path(__file__).resolve().parents[1]
ROWS = 100_000
ROUNDS = 3
PEER_ROUNDS = 2
PEER_BATCH = 1000
START_SECONDS = 60
MAPPING = {"0": "email", "1": "first_name", "2": "last_name", "3": "company", "4": "field:city", "5": "field:plan"}


def main() -> dict[str, Any]:
    """Return the benchmark's line; `value` is the median of ROUNDS rounds."""
    content = people(ROWS)
    with worker() as process:
        by_celery(new_workspace("warm-up"), people(2000))
        fresh, again = [], []
        for number in range(ROUNDS):
            workspace = new_workspace(f"round-{number}")
            fresh.append(by_celery(workspace, content))
            again.append(by_celery(workspace, content))
        peak = peak_mb(process)
    assert Contact.objects.filter(workspace__slug="round-0").count() == ROWS
    peers = [by_bulk_create(new_workspace(f"peer-{number}"), content) for number in range(PEER_ROUNDS)]
    seconds = statistics.median(fresh)
    return {
        "benchmark": "import",
        "value": round(ROWS / seconds),
        "unit": "rows/s",
        "ratios": {"bulk_create": round(statistics.median(peers) / seconds, 2)},
        "seconds": round(seconds, 2),
        "reimport": round(ROWS / statistics.median(again)),
        "peak_mb": peak,
        "n": ROWS,
    }


def people(count: int) -> bytes:
    """Return a CSV file of people, all different."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Email", "First name", "Last name", "Company", "City", "Plan"])
    for number in range(count):
        plan = ("pro", "free", "trial")[number % 3]
        row = [
            f"person{number}@example.com",
            f"Given{number % 977}",
            f"Family{number % 4099}",
            f"Company {number % 500} Ltd",
        ]
        writer.writerow([*row, f"City {number % 120}", plan])
    return text.getvalue().encode()


def new_workspace(slug: str) -> Workspace:
    """Make a workspace with two custom fields and a list."""
    workspace = Workspace.objects.create(name=slug, slug=slug)
    services.create_field(workspace=workspace, label="City")
    services.create_field(workspace=workspace, label="Plan", type_="choice", choices=["pro", "free", "trial"])
    services.create_list(workspace=workspace, name="All")
    return workspace


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """Run a Celery worker with one process."""
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency=1", "--loglevel=INFO"]
    process = subprocess.Popen(
        [*command, "--without-gossip", "--without-mingle"],
        cwd=ROOT,
        env=os.environ,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert process.stderr is not None
    os.set_blocking(process.stderr.fileno(), False)
    log, deadline = b"", time.monotonic() + START_SECONDS
    while b" ready." not in log:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"The worker did not start:\n{log.decode()}")
        log += process.stderr.read() or b""
        time.sleep(0.05)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def peak_mb(process: subprocess.Popen[bytes]) -> int:
    """Return the largest resident size that a process of the worker has had, in MB."""
    members = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    peaks = [
        int(line.split()[1])
        for member in members
        for line in Path(f"/proc/{member.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    ]
    return max(peaks) // 1024


def by_celery(workspace: Workspace, content: bytes) -> float:
    """Import by the product's own path; return the seconds from the start of the import to its end."""
    source = services.start_import(workspace=workspace, file=ContentFile(content, name="people.csv"))
    began = time.perf_counter()
    services.map_import(source, mapping=MAPPING, list_=List.objects.get(workspace=workspace))
    while Import.objects.values_list("status", flat=True).get(pk=source.pk) in {"queued", "running"}:
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    source.refresh_from_db()
    assert source.status == "completed", source.error
    return seconds


def by_bulk_create(workspace: Workspace, content: bytes) -> float:
    """Import by a plain loop over bulk_create; return the seconds."""
    began = time.perf_counter()
    list_ = List.objects.get(workspace=workspace)
    batch: dict[str, Contact] = {}
    for row in csv.DictReader(io.StringIO(content.decode())):
        email = row["Email"].strip()
        try:
            validate_email(email)
        except ValidationError:
            continue
        batch[email.casefold()] = Contact(
            workspace=workspace,
            email=email,
            email_key=email.casefold(),
            first_name=row["First name"],
            last_name=row["Last name"],
            company=row["Company"],
            attributes={"city": row["City"], "plan": row["Plan"]},
        )
        if len(batch) == PEER_BATCH:
            save(list_, batch)
            batch = {}
    save(list_, batch)
    seconds = time.perf_counter() - began
    assert list_.contacts.count() == ROWS
    return seconds


def save(list_: List, batch: dict[str, Contact]) -> None:
    """Write one batch as Django's documentation shows."""
    with transaction.atomic():
        contacts = Contact.objects.bulk_create(
            batch.values(),
            update_conflicts=True,
            unique_fields=["workspace", "email_key"],
            update_fields=["first_name", "last_name", "company", "attributes", "updated_at"],
        )
        ListMember.objects.bulk_create(
            [ListMember(list=list_, contact_id=contact.pk) for contact in contacts], ignore_conflicts=True
        )
