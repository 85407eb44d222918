"""Messages a second of the SMTP client alone, to smtp-sink on the same machine: 12 kB each, made beforehand.

Peers in the same run, to the same sink: smtplib on one connection, aiosmtplib on 16, and Postfix's C load generator on 16.
`slow_link` is the ratio to smtplib on the same number of connections over a link with round trips of 20 ms, where pipelining
needs one of them a message and smtplib four. `cpu_us` is the client's own CPU a message.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks._peers import BODY, SENDER, by_aiosmtplib, by_smtp_source, by_smtplib
from benchmarks._servers import ROOT, sink
from delivery.smtp import Answered, Capabilities, Client, Envelope, Event, Security, Server

N = int(os.environ.get("N", "20000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
CONNECTIONS = 4
PEER_N = 3000
SLOW_N = 400
ROUND_TRIP_MS = 20


def main() -> dict[str, Any]:
    """Return the benchmark's line; everything is the median of ROUNDS rounds, ratios within a round."""
    peers = {"smtplib": by_smtplib, "aiosmtplib": by_aiosmtplib}
    rates, cpu = [], []
    ratios: dict[str, list[float]] = {name: [] for name in (*peers, "smtp_source")}
    with sink() as (port, _):
        by_drumbeat(port, 1000)
        for _ in range(ROUNDS):
            cpu_before = time.process_time()
            rate = by_drumbeat(port, N)
            cpu.append((time.process_time() - cpu_before) / N * 1e6)
            rates.append(rate)
            ratios["smtp_source"].append(rate / by_smtp_source(port, N))
            for name, peer in peers.items():
                ratios[name].append(rate / peer(port, PEER_N))
        with slow_link(port) as far:
            slow = [by_drumbeat(far, SLOW_N) / by_smtplib(far, SLOW_N, connections=CONNECTIONS) for _ in range(3)]
    return {
        "benchmark": "smtp",
        "value": round(statistics.median(rates)),
        "unit": "messages/s",
        "ratios": {name: round(statistics.median(found), 2) for name, found in ratios.items()},
        "slow_link": round(statistics.median(slow), 2),
        "cpu_us": round(statistics.median(cpu), 1),
        "connections": CONNECTIONS,
        "n": N,
    }


def by_drumbeat(port: int, count: int) -> float:
    """Return the client's rate; every message must have been taken."""
    content = BODY + b".\r\n"
    envelopes = iter([Envelope(number, SENDER, f"person{number}@example.com", content) for number in range(count)])
    taken = 0

    def pull(_: Capabilities) -> Envelope | None:
        return next(envelopes, None)

    def observe(events: list[Event]) -> None:
        nonlocal taken
        taken += sum(type(event) is Answered and event.reply.is_positive for event in events)

    client = Client(Server("127.0.0.1", port, Security.PLAIN), connections=CONNECTIONS)
    began = time.perf_counter()
    failure = client.deliver(pull, observe, expected=count)
    seconds = time.perf_counter() - began
    client.close()
    if failure is not None or taken != count:
        raise RuntimeError(f"{taken} of {count} messages were taken: {failure}")
    return count / seconds


@contextmanager
def slow_link(port: int) -> Iterator[int]:
    """Run a proxy to the sink that makes a round trip last ROUND_TRIP_MS; yields its port."""
    command = [sys.executable, "-m", "benchmarks._slow_link", str(port), str(ROUND_TRIP_MS)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()
