"""One embedded PostgreSQL and Valkey for a pytest session.

Loaded by `-p` before anything reads Django's settings: it points the environment at throw-away servers, which the process
that runs `pytest` starts and discards. The workers of pytest-xdist inherit them; each has its own test database
(pytest-django names it for the worker) and its own Redis database number.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import psutil
import pytest

from config.embedded.folders import remove_folders
from config.embedded.layout import Layout, layout_for, postgres_url, valkey_url
from config.embedded.postgres import PostgresServer, start_postgres
from config.embedded.valkey import ValkeyServer, start_valkey

SESSIONS = Path(tempfile.gettempdir()) / f"drumbeat-tests-{os.geteuid()}"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
FOLDER_VARIABLE = "DRUMBEAT_TEST_FOLDER"

if not WORKER:
    os.environ[FOLDER_VARIABLE] = str(SESSIONS / str(os.getpid()))
FOLDER = Path(os.environ[FOLDER_VARIABLE])
LAYOUT = layout_for(FOLDER)
REDIS_NUMBER = int(WORKER.removeprefix("gw")) + 1 if WORKER else 0

_SETTINGS = {
    "DATABASE_URL": postgres_url(LAYOUT),
    "REDIS_URL": valkey_url(LAYOUT, number=REDIS_NUMBER),
    "SECRET_KEY": "a key for tests alone, the same in every process",
    "ENCRYPTION_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "ENV_FILE": os.devnull,
    "DATA_DIR": str(FOLDER / "data"),
    "DNS_RESOLVERS": "127.0.0.1:9",  # nobody: a question to the DNS never leaves the machine
    "DJANGO_ALLOW_ASYNC_UNSAFE": "true",  # Playwright's sync API keeps a loop running in the test's thread
}
_UNSET = {"ALLOWED_HOSTS", "AI_BASE_URL", "BASE_URL", "DEBUG", "DEMO", "EMAIL_SANDBOX", "HOST", "LOG_LEVEL", "PORT"}
_UNSET |= {
    "BROKER_URL",
    "LOG_FORMAT",
    "SECRET_KEY_FALLBACKS",
    "SENTRY_DSN",
    "TRACKING_PORT",
    "TRACKING_URL",
    "WEB_WORKERS",
    "WORKERS",
}
# What a process that is to run on its own, not on the tests' services, must not inherit.
OWN_SETTINGS = frozenset({*_SETTINGS, *_UNSET, FOLDER_VARIABLE})

for name in _UNSET:
    os.environ.pop(name, None)
os.environ.update(_SETTINGS)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, once a session."""
    if WORKER or config.option.collectonly or config.option.help:
        return
    sweep()
    FOLDER.mkdir(parents=True, exist_ok=True)
    atexit.register(discard, FOLDER)
    start_postgres(FOLDER, durable=False)
    start_valkey(FOLDER, durable=False)
    (FOLDER / "data" / "static").mkdir(parents=True, exist_ok=True)


def discard(folder: Path) -> None:
    """Stop the servers of a session and delete all it left."""
    layout: Layout = layout_for(folder)
    ValkeyServer(layout).discard()
    PostgresServer(layout).discard()
    remove_folders(layout)
    shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Discard what sessions left that were killed."""
    for folder in SESSIONS.glob("*"):
        if folder.name.isdigit() and not psutil.pid_exists(int(folder.name)):
            discard(folder)
