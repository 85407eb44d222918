"""Other ways to send mail to the same sink, for ratios in the same run."""

import asyncio
import smtplib
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import aiosmtplib

from benchmarks._servers import program

SENDER = "news@sender.example"
# As long as the benchmark's mail, in lines as mail has them.
BODY = b"Subject: x\r\n\r\n" + b"Lorem ipsum dolor sit amet, consectetur adipiscing elit.\r\n" * 200


def by_smtp_source(port: int, count: int) -> float:
    """Return the rate of Postfix's load generator in C: 16 sessions, 12 kB, no database, no rendering."""
    command = [program("smtp-source"), "-d", "-s", "16", "-l", "12000", "-m", str(count)]
    command += ["-f", SENDER, "-t", "person@example.com", f"127.0.0.1:{port}"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return count / (time.perf_counter() - began)


def by_smtplib(port: int, count: int, *, connections: int = 1) -> float:
    """Return the rate of loops over smtplib that reuse their connections, each in a thread of its own."""

    def send(share: range) -> None:
        with smtplib.SMTP("127.0.0.1", port) as connection:
            for number in share:
                connection.sendmail(SENDER, f"person{number}@example.com", BODY)

    began = time.perf_counter()
    with ThreadPoolExecutor(connections) as threads:
        list(threads.map(send, [range(start, count, connections) for start in range(connections)]))
    return count / (time.perf_counter() - began)


def by_aiosmtplib(port: int, count: int, *, connections: int = 16) -> float:
    """Return the rate of aiosmtplib with this many connections, reused."""

    async def run() -> float:
        numbers = iter(range(count))

        async def send() -> None:
            async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as connection:
                for number in numbers:
                    await connection.sendmail(SENDER, [f"person{number}@example.com"], BODY)

        began = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(connections)))
        return count / (time.perf_counter() - began)

    return asyncio.run(run())
