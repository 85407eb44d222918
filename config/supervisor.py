"""A process supervisor: starts processes, restarts what dies, stops all in order and leaves nothing behind.

Each process leads a group of its own, so that Ctrl-C reaches the supervisor alone and a process that dies takes its helpers
with it. All carry a mark in their environment by which the next start finds what a killed supervisor left.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

MARK = "DRUMBEAT_SUPERVISED_FROM"
TICK_SECONDS = 0.2
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A process that ran this long was well: its next failure is a first one.
SETTLED_SECONDS = 60.0
LOG_LIMIT = 20_000_000

Say = Callable[[str], None]


class AlreadyRunningError(Exception):
    """Another supervisor works in this data folder."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to keep running.

    `stop_seconds` is how long it may take to finish its work before it is killed; one that is `needed` by the others is
    only asked to stop when they have.
    """

    name: str
    command: Sequence[str]
    stop_seconds: float = 10.0
    needed: bool = False


class Server(Protocol):
    """An embedded server, which is no child of the supervisor."""

    def is_running(self) -> bool:
        """Tell whether it lives."""

    def stop(self) -> None:
        """Stop it cleanly."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """An embedded server to keep running; `start` starts it or takes over one that runs."""

    name: str
    start: Callable[[], Server]


@dataclass(slots=True)
class _Child:
    spec: ProcessSpec
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    due_at: float = 0.0


@dataclass
class Supervisor:
    """Keeps servers and processes running; servers start first and stop last."""

    folder: Path
    root: Path
    environ: Mapping[str, str]
    say: Say
    hurry: bool = False
    _servers: dict[str, tuple[ServerSpec, Server]] = field(default_factory=dict)
    _children: list[_Child] = field(default_factory=list)

    @property
    def logs(self) -> Path:
        """Folder of the processes' logs."""
        return self.folder / "logs"

    def start_server(self, spec: ServerSpec) -> None:
        """Start an embedded server.  Raises what its `start` raises."""
        self._servers[spec.name] = (spec, spec.start())

    def start_process(self, spec: ProcessSpec) -> None:
        """Start a process.  Raises OSError if its program is missing."""
        child = _Child(spec)
        self._children.append(child)
        self._start(child)

    def pids(self) -> dict[str, int]:
        """Return the process ids by name of those that run."""
        return {child.spec.name: child.process.pid for child in self._children if child.process}

    def tick(self) -> None:
        """Restart what died; a process that keeps dying waits longer each time, half a minute at most."""
        for name, (spec, server) in self._servers.items():
            if not server.is_running():
                self.say(f"{name} stopped; starting it again.")
                self._servers[name] = (spec, spec.start())
        for child in self._children:
            if child.process is not None:
                self._note_exit(child)
            elif time.monotonic() >= child.due_at:
                self._start(child)
            _shorten(self._log(child.spec))

    def run(self) -> None:
        """Keep everything running until interrupted."""
        while True:
            self.tick()
            time.sleep(TICK_SECONDS)

    def stop(self) -> None:
        """Stop everything: processes, then those they need, then servers.  Set `hurry` to kill instead of waiting."""
        for needed in (False, True):
            self._stop([child for child in self._children if child.spec.needed is needed])
        self._children.clear()
        end_leftovers(self.folder, seconds=5)
        for _, server in reversed(self._servers.values()):
            server.stop()
        self._servers.clear()

    def _log(self, spec: ProcessSpec) -> Path:
        return self.logs / f"{spec.name}.log"

    def _start(self, child: _Child) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        with self._log(child.spec).open("ab") as log:
            child.process = subprocess.Popen(
                child.spec.command,
                cwd=self.root,
                env={**self.environ, MARK: str(self.folder), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child.started_at = time.monotonic()

    def _note_exit(self, child: _Child) -> None:
        if child.process is None or (status := child.process.poll()) is None:
            return
        _kill_group(child.process.pid)
        child.process = None
        settled = time.monotonic() - child.started_at > SETTLED_SECONDS
        child.failures = 1 if settled else child.failures + 1
        delay = min(FIRST_DELAY * 2 ** (child.failures - 1), LONGEST_DELAY)
        child.due_at = time.monotonic() + delay
        cause = f"signal {-status}" if status < 0 else f"exit status {status}"
        self.say(f"{child.spec.name} stopped ({cause}); starting it again in {delay:g} s. Log: {self._log(child.spec)}")

    def _stop(self, children: list[_Child]) -> None:
        """Ask all to stop, last started first, and wait for each as long as it may take."""
        asked_at = time.monotonic()
        running = [(child, child.process) for child in reversed(children) if child.process]
        for _, process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for child, process in running:
            deadline = asked_at + child.spec.stop_seconds
            while process.poll() is None and time.monotonic() < deadline and not self.hurry:
                time.sleep(0.02)
            _kill_group(process.pid)
            process.wait()
            child.process = None


@contextmanager
def only_supervisor(folder: Path) -> Iterator[None]:
    """Be the only supervisor of a data folder.  Raises AlreadyRunningError if there is another.

    The kernel drops the lock when its holder dies.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise AlreadyRunningError(f"Drumbeat already runs from {folder} (process {file.read().strip()}).") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def leftovers(folder: Path) -> list[psutil.Process]:
    """Return the processes that supervisors of this data folder started and that still run."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == str(folder):
                found.append(process)
    return found


def end_leftovers(folder: Path, *, seconds: float) -> int:
    """Stop what a killed supervisor left and return how many processes that were; what stays past `seconds` is killed."""
    processes = leftovers(folder)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=seconds)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=seconds)
    return len(processes)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _shorten(log: Path) -> None:
    """Copy a long log aside and empty it in place, as its process goes on appending to it."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT:
            shutil.copyfile(log, log.with_suffix(".old.log"))
            os.truncate(log, 0)
