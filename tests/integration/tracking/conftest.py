"""The tracking endpoint as it runs in production: granian in a process of its own, on the test's database and Redis."""

import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connection

from tests.plugins.mail import free_port
from tests.plugins.workers import ROOT, service_environment

START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint said; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Endpoint:
    """A running tracking endpoint."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Send one request, with no header that isn't asked for but Host; `user_agent="x"` is User-Agent: x."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return answer


def start_endpoint(folder: Path, environment: dict[str, str]) -> Endpoint:
    """Start the endpoint and wait until it answers."""
    port, log = free_port(), folder / "tracking.log"
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--no-ws", "--log-level", "warning", "tracking.asgi:application"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    endpoint = Endpoint(port, process, log)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if endpoint.ask("/healthz").status == 200:
                return endpoint
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"The endpoint did not start:\n{log.read_text(errors='replace')[-3000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to stop; kill it if it doesn't."""
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def endpoint(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """One endpoint for the tests of a module."""
    running = start_endpoint(
        tmp_path_factory.mktemp("endpoint"), {**service_environment(), "TRUSTED_PROXIES": "127.0.0.1"}
    )
    yield running
    stop(running.process)


@pytest.fixture
def run_endpoint(transactional_db: None, tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Endpoint]]:
    """Return a function that starts an endpoint with more environment; all are stopped at the end."""
    started: list[Endpoint] = []

    def run(environment: dict[str, str]) -> Endpoint:
        started.append(start_endpoint(tmp_path, {**service_environment(), **environment}))
        return started[-1]

    yield run
    for running in started:
        stop(running.process)


@pytest.fixture
def empty_event_store(transactional_db: None) -> Iterator[None]:
    """Empty the event store afterwards, which Django's flush leaves alone as it doesn't manage the table."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE tracking_event")
