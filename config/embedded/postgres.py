"""The embedded PostgreSQL: made, started, reused and stopped."""

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from config.embedded import folders
from config.embedded.accounts import Account, server_account
from config.embedded.exceptions import EmbeddedServiceError
from config.embedded.layout import DATABASE_NAME, DATABASE_USER, Layout, layout_for, postgres_url
from config.embedded.postgres_settings import postgres_settings
from config.embedded.programs import postgres_programs

START_SECONDS = 60
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running embedded PostgreSQL. It outlives the process that started it until `stop` is called."""

    layout: Layout

    @property
    def url(self) -> str:
        """URL by the Unix socket."""
        return postgres_url(self.layout)

    def is_running(self) -> bool:
        """Tell whether the server's process lives."""
        return server_process(self.layout) is not None

    def stop(self) -> None:
        """Stop it: sessions are cut off, open transactions rolled back, a checkpoint written.  Twice is harmless."""
        account = server_account()
        with folders.locked(self.layout, account):
            _stop(self.layout, account)

    def discard(self) -> None:
        """Stop it and delete its data."""
        account = server_account()
        with folders.locked(self.layout, account):
            _stop(self.layout, account, mode="immediate")
            shutil.rmtree(self.layout.postgres_data, ignore_errors=True)


def start_postgres(data_dir: Path, *, durable: bool = True) -> PostgresServer:
    """Start the PostgreSQL of `data_dir`, or take over the one that already runs there.

    Makes the cluster and an empty database on the first start. `durable` off trades crash safety for speed, for
    throw-away data. It listens on its Unix socket alone. Settings are those of whoever started it first.

    Raises EmbeddedServiceError if it doesn't come up.
    """
    layout, account = layout_for(data_dir), server_account()
    with folders.locked(layout, account):
        if not _take_over(layout):
            _stop(layout, account)
            _bury(layout)
            if not (layout.postgres_data / "PG_VERSION").exists():
                _make_cluster(layout, account, durable=durable)
            _start(layout, account, durable=durable)
        _make_database(layout)
    return PostgresServer(layout)


def server_process(layout: Layout) -> psutil.Process | None:
    """Return the server's process by its pid file, or None; a pid that was given to another program is not taken."""
    try:
        lines = (layout.postgres_data / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        # The third line is when the server started, in seconds; the file is written within moments of that.
        if process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - int(lines[2])) > START_SECONDS:
            return None
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return None
    return process


def _take_over(layout: Layout) -> bool:
    """Tell whether a server runs and answers; one that is starting or stopping is waited for."""
    return _wait(lambda: _answers(layout), lambda: server_process(layout) is not None)


def _answers(layout: Layout) -> bool:
    try:
        with psycopg.connect(postgres_url(layout, name="postgres"), connect_timeout=5, autocommit=True):
            return True
    except psycopg.OperationalError:
        return False


def _wait(done: Callable[[], bool], hopeful: Callable[[], bool], seconds: float = START_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while hopeful() and time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.05)
    return False


def _make_cluster(layout: Layout, account: Account, *, durable: bool) -> None:
    draft = layout.postgres_data.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    options = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    options += ["--auth-local=trust", "--auth-host=reject"]
    options += [f"--username={DATABASE_USER}", "--no-instructions", f"--pgdata={draft}"]
    if not durable:
        options.append("--no-sync")
    account.run([postgres_programs() / "initdb", *options], cwd=layout.home)
    draft.rename(layout.postgres_data)


def _start(layout: Layout, account: Account, *, durable: bool) -> None:
    settings = layout.postgres_data / "postgresql.conf"
    settings.write_text(postgres_settings(socket_folder=str(layout.sockets), durable=durable))
    account.own(settings)
    folders.shorten_log(layout.postgres_log)
    options = ["--pgdata", str(layout.postgres_data), "--log", str(layout.postgres_log), "--silent"]
    command: list[str | Path] = [
        postgres_programs() / "pg_ctl",
        "start",
        *options,
        "--wait",
        "--timeout",
        str(START_SECONDS),
    ]
    try:
        account.run(command, cwd=layout.home, seconds=START_SECONDS + 10)
    except EmbeddedServiceError as error:
        raise EmbeddedServiceError(f"PostgreSQL did not start: {_tail(layout.postgres_log) or error}") from error


def _tail(path: Path, size: int = 1000) -> str:
    try:
        return path.read_text(errors="replace").strip()[-size:]
    except OSError:
        return ""


def _stop(layout: Layout, account: Account, *, mode: str = "fast") -> None:
    process = server_process(layout)
    if process is None:
        return
    options = [
        "--pgdata",
        str(layout.postgres_data),
        "--mode",
        mode,
        "--silent",
        "--wait",
        "--timeout",
        str(STOP_SECONDS),
    ]
    with contextlib.suppress(EmbeddedServiceError):
        account.run([postgres_programs() / "pg_ctl", "stop", *options], cwd=layout.home, seconds=STOP_SECONDS + 10)
    if process.is_running() and server_process(layout) is not None:
        # Recovery at the next start makes this safe; a server that hangs must not block it for ever.
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait(timeout=STOP_SECONDS)


def _bury(layout: Layout) -> None:
    """See to it that nothing of a server that was killed is left, which would keep the next one from starting.

    Its helpers notice within moments that it died and go too; its lock files are only deleted here if its process is a
    zombie, which PostgreSQL takes for a living server.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while (helpers := _processes_in(layout.postgres_data)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for helper in helpers:
        with contextlib.suppress(psutil.NoSuchProcess):
            helper.kill()
    pid_file = layout.postgres_data / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
        if psutil.Process(int(pid_file.read_text().split()[0])).status() == psutil.STATUS_ZOMBIE:
            for path in (pid_file, *layout.sockets.glob(".s.PGSQL.*")):
                path.unlink(missing_ok=True)


def _processes_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder):
                found.append(process)
    return found


def _make_database(layout: Layout) -> None:
    with psycopg.connect(postgres_url(layout, name="postgres"), connect_timeout=10, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {DATABASE_NAME}")
