"""The embedded Valkey (a Redis server): started, reused and stopped."""

import contextlib
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import redis

from config.embedded import folders
from config.embedded.accounts import Account, server_account
from config.embedded.exceptions import EmbeddedServiceError
from config.embedded.layout import Layout, layout_for, valkey_url
from config.embedded.machine import memory_bytes
from config.embedded.programs import valkey_program

START_SECONDS = 60
STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class ValkeyServer:
    """A running embedded Valkey. It outlives the process that started it until `stop` is called."""

    layout: Layout

    @property
    def url(self) -> str:
        """URL by the Unix socket."""
        return valkey_url(self.layout)

    def is_running(self) -> bool:
        """Tell whether the server's process lives."""
        return server_process(self.layout) is not None

    def stop(self) -> None:
        """Stop it; its append-only file is flushed first.  Twice is harmless."""
        with folders.locked(self.layout, server_account()):
            _stop(self.layout)

    def discard(self) -> None:
        """Stop it and delete its data."""
        with folders.locked(self.layout, server_account()):
            _stop(self.layout)
            shutil.rmtree(self.layout.valkey_data, ignore_errors=True)


def start_valkey(data_dir: Path, *, durable: bool = True) -> ValkeyServer:
    """Start the Valkey of `data_dir`, or take over the one that already runs there.

    With `durable` every write is on disk within a second (an append-only file) and comes back at the next start.

    Raises EmbeddedServiceError if it doesn't come up.
    """
    layout, account = layout_for(data_dir), server_account()
    with folders.locked(layout, account):
        if not _wait_for_answer(layout):
            _stop(layout)
            _start(layout, account, durable=durable)
    return ValkeyServer(layout)


def server_process(layout: Layout) -> psutil.Process | None:
    """Return the server's process by its pid file, or None; a pid that was given to another program is not taken."""
    try:
        process = psutil.Process(int(layout.valkey_pid.read_text()))
        if process.status() == psutil.STATUS_ZOMBIE or "valkey-server" not in " ".join(process.cmdline()):
            return None
    except (OSError, ValueError, psutil.Error):
        return None
    return process


def _start(layout: Layout, account: Account, *, durable: bool) -> None:
    folders.make_private(layout.valkey_data, account)
    folders.shorten_log(layout.valkey_log)
    layout.valkey_socket.unlink(missing_ok=True)
    layout.valkey_pid.unlink(missing_ok=True)
    settings: dict[str, str] = {
        "port": "0",
        "unixsocket": str(layout.valkey_socket),
        "unixsocketperm": "700",
        "dir": str(layout.valkey_data),
        "daemonize": "yes",
        "pidfile": str(layout.valkey_pid),
        "logfile": str(layout.valkey_log),
        "databases": "64",
        "save": "",
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        # A full queue has to say so; forgetting somebody's open or a task in silence is worse.
        "maxmemory": str(max(memory_bytes() // 4, 128 << 20)),
        "maxmemory-policy": "noeviction",
        "maxclients": "2000",
    }
    arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
    account.run([valkey_program(), *arguments], cwd=layout.home, seconds=START_SECONDS)
    if not _wait_for_answer(layout, starting=True):
        raise EmbeddedServiceError(f"Valkey did not start; its log is {layout.valkey_log}")


def _wait_for_answer(layout: Layout, *, starting: bool = False) -> bool:
    """Tell whether a server runs and answers; one that is still loading its file is waited for."""
    client = redis.Redis(unix_socket_path=str(layout.valkey_socket), socket_timeout=5)
    deadline = time.monotonic() + START_SECONDS
    # The pid file appears a moment after the starting command returns.
    grace = time.monotonic() + (5 if starting else 0)
    try:
        while time.monotonic() < deadline:
            if server_process(layout) is None and time.monotonic() > grace:
                return False
            with contextlib.suppress(redis.RedisError):
                client.ping()
                return server_process(layout) is not None
            time.sleep(0.02)
    finally:
        client.close()
    return False


def _stop(layout: Layout) -> None:
    process = server_process(layout)
    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(timeout=STOP_SECONDS)
