"""What has to be true before Drumbeat's processes start; each step does nothing when there is nothing to do."""

import hashlib
import http.client
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path

import redis
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DatabaseError, connections

from config.demo.builder import EMAIL, PASSWORD, SLUG
from config.environment import ConfigurationError, Environment
from config.health import first_line
from team.models import Workspace

READY_SECONDS = 90
# Enough to look lived in, few enough for a first start that is waited for.
FIRST_CONTACTS = 2_000


def check_ports(environment: Environment) -> None:
    """Raise ConfigurationError, one sentence, if a port that will be listened on is taken."""
    ports = {"PORT": environment.port, "TRACKING_PORT": environment.tracking_port}
    if environment.sandbox_inbox:
        ports |= {"SANDBOX_PORT": environment.sandbox_port, "SANDBOX_WEB_PORT": environment.sandbox_web_port}
    for name, port in ports.items():
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((environment.host, port))
            except OSError as error:
                reason = error.strerror or "unusable"
                raise ConfigurationError(f"Port {port} cannot be used ({reason}): set {name} to another one.") from None


def migrate() -> None:
    """Bring the database up to date."""
    call_command("migrate", interactive=False, verbosity=0)


def collect_static_files(data_dir: Path) -> bool:
    """Collect, hash and compress the static files if any changed since the last time; tell whether it did."""
    stamp = data_dir / "static.stamp"
    fingerprint = _static_fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint and Path(settings.STATIC_ROOT).is_dir():
        return False
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(fingerprint)
    return True


def _static_fingerprint() -> str:
    digest = hashlib.sha256()
    for line in sorted(_static_files()):
        digest.update(line.encode())
    return digest.hexdigest()


def _static_files() -> Iterator[str]:
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            yield f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n"


def load_demo() -> bool:
    """Load the demo workspace if there is no workspace at all; tell whether it did."""
    if Workspace.objects.exists():
        return False
    call_command("demo", contacts=FIRST_CONTACTS, verbosity=0, stdout=StringIO())
    return True


def demo_login() -> str | None:
    """Return how to sign in to the demo workspace; None if there is no such workspace."""
    if not Workspace.objects.filter(slug=SLUG).exists():
        return None
    return f"{EMAIL}, password {PASSWORD}"


def release_connections() -> None:
    """Close this process's database connections; it needs them no more."""
    connections.close_all()


def wait_until_ready(environment: Environment, tick: Callable[[], None]) -> str | None:
    """Wait until the web, the workers and the tracking endpoint answer; return what is missing when time is up.

    `tick` is called while waiting.
    """
    deadline = time.monotonic() + READY_SECONDS
    missing: str | None = "nothing was asked"
    while time.monotonic() < deadline:
        tick()
        missing = _web_problem(environment) or _tracking_problem(environment)
        if missing is None:
            return None
        time.sleep(0.1)
    return missing


def _web_problem(environment: Environment) -> str | None:
    with closing(http.client.HTTPConnection(environment.host, environment.port, timeout=5)) as connection:
        try:
            connection.request("GET", "/readyz", headers={"Host": "localhost"})
            response = connection.getresponse()
            body = response.read(500).decode(errors="replace").strip()
        except (OSError, http.client.HTTPException) as error:
            return f"the web does not answer ({error})"
    return None if response.status == http.client.OK else body


def _tracking_problem(environment: Environment) -> str | None:
    try:
        socket.create_connection((environment.host, environment.tracking_port), timeout=5).close()
    except OSError as error:
        return f"the tracking endpoint does not answer ({error})"
    return None


def check_redis(url: str) -> None:
    """Raise ConfigurationError, one sentence, if Redis doesn't answer."""
    try:
        with closing(redis.Redis.from_url(url, socket_connect_timeout=5)) as client:
            client.ping()
    except redis.RedisError as error:
        raise ConfigurationError(f"Redis does not answer at REDIS_URL: {first_line(error)}.") from None


def check_database() -> None:
    """Raise ConfigurationError, one sentence, if the database doesn't answer."""
    try:
        connections["default"].ensure_connection()
    except DatabaseError as error:
        raise ConfigurationError(f"PostgreSQL does not answer at DATABASE_URL: {first_line(error)}.") from None
