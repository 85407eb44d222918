"""A load generator: keep-alive connections on loopback, one request under way on each, as fast as the server answers.

    python -m benchmarks._http_load PORT SECONDS CONNECTIONS < paths

Prints one JSON object: answered (status 200 or 302), failed, seconds, p50_ms, p99_ms, cpu_s (its own).
"""

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass

RECEIVE_BYTES = 4096
LINGER_SECONDS = 5.0


@dataclass(slots=True)
class Connection:
    """One keep-alive connection and when its present request left."""

    socket: socket.socket
    sent_at: float = 0.0


def run(port: int, seconds: float, connections: int, requests: list[bytes]) -> dict[str, float]:
    """Send requests in turn until the time is up, then wait for the answers that are still to come."""
    selector = selectors.DefaultSelector()
    opened = []
    for _ in range(connections):
        client = socket.create_connection(("127.0.0.1", port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setblocking(False)
        opened.append(Connection(client))
        selector.register(client, selectors.EVENT_READ, opened[-1])
    clock, count, latencies, failed, position, busy = time.perf_counter, len(requests), [], 0, 0, 0
    cpu, start = time.process_time(), clock()
    end = start + seconds
    for connection in opened:
        connection.sent_at = clock()
        connection.socket.send(requests[position % count])
        position, busy = position + 1, busy + 1
    while busy and clock() < end + LINGER_SECONDS:
        for key, _ in selector.select(1.0):
            connection = key.data
            # An answer is a few hundred bytes and comes in one piece on loopback.
            data = connection.socket.recv(RECEIVE_BYTES)
            now = clock()
            if data[9:12] in (b"200", b"302"):
                latencies.append(now - connection.sent_at)
            else:
                failed += 1
            if now >= end or not data:
                selector.unregister(connection.socket)
                busy -= 1
                continue
            connection.sent_at = now
            connection.socket.send(requests[position % count])
            position += 1
    elapsed = clock() - start
    latencies.sort()
    return {
        "answered": len(latencies),
        "failed": failed + busy,
        "seconds": elapsed,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
        "cpu_s": time.process_time() - cpu,
    }


if __name__ == "__main__":
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
    lines = [
        f"GET {path} HTTP/1.1\r\nHost: t.example\r\nUser-Agent: {agent}\r\n\r\n".encode()
        for path in sys.stdin.read().split()
    ]
    print(json.dumps(run(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), lines)))
