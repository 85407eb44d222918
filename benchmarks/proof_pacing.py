"""Pacing on the wire: a mailbox with 600 messages a minute, two worker processes, two campaigns at once.

The sink notes when each message's content arrived; `worst_window` is the most that any 60 seconds held, `used` the share of what
the limit allows between the first message and the end of the measurement. SECONDS shortens it for a trial.
"""

import itertools
import os
import time
from bisect import bisect_left
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from benchmarks._servers import free_port, workers
from benchmarks.bench_send import prepare
from campaigns import services as campaigns
from campaigns.models import Campaign
from delivery import services
from delivery.models import Mailbox

PER_MINUTE = 600
SECONDS = float(os.environ.get("SECONDS", "300"))
PROCESSES = 2
WINDOW = 60.0
START_SECONDS = 120.0


class Arrivals:
    """Notes when each message arrived, in monotonic seconds."""

    def __init__(self) -> None:
        self.times: list[float] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.times.append(time.monotonic())
        return "250 2.0.0 OK"


def main() -> dict[str, Any]:
    """Return the proof's line."""
    arrivals = Arrivals()
    port = free_port()
    sink = Controller(arrivals, hostname="127.0.0.1", port=port, data_size_limit=50_000_000)
    sink.start()
    try:
        with workers(PROCESSES):
            # More than can leave in the time, and little enough that the end of a batch is in it.
            each = int(SECONDS * PER_MINUTE / 60)
            for campaign in _campaigns(each, port):
                campaigns.launch_campaign(campaign, accept_warnings=True)
            times = _measure(arrivals)
    finally:
        sink.stop(no_assert=True)
    allowed = SECONDS * PER_MINUTE / 60
    gaps = sorted(later - earlier for earlier, later in itertools.pairwise(times))
    return {
        "proof": "pacing",
        "worst_window": worst_window(times),
        "used": round(len(times) / allowed, 4),
        "messages": len(times),
        "seconds": SECONDS,
        "gap_p50_ms": round(gaps[len(gaps) // 2] * 1000, 1),
        "gap_max_ms": round(gaps[-1] * 1000, 1),
    }


def worst_window(times: list[float]) -> int:
    """Return the most arrivals in any half-open window of 60 seconds."""
    return max(bisect_left(times, start + WINDOW) - place for place, start in enumerate(times))


def _campaigns(each: int, port: int) -> list[Campaign]:
    first = prepare("pacing", each, port)
    mailbox = Mailbox.objects.get(workspace=first.workspace)
    services.update_mailbox(mailbox, per_minute=PER_MINUTE)
    copy = campaigns.duplicate_campaign(first)
    campaigns.check_campaign(copy)
    deadline = time.monotonic() + START_SECONDS
    while copy.checks.filter(finished_at=None).exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    return [first, copy]


def _measure(arrivals: Arrivals) -> list[float]:
    deadline = time.monotonic() + START_SECONDS
    while not arrivals.times:
        if time.monotonic() > deadline:
            raise RuntimeError("No message arrived.")
        time.sleep(0.05)
    end = arrivals.times[0] + SECONDS
    time.sleep(max(end - time.monotonic(), 0))
    return [moment for moment in sorted(arrivals.times) if moment < end]
