"""What the proof of faults kills: a machine's supervised processes, its servers, and the receiving server."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import psutil
from django.db import InterfaceError, OperationalError, connection

from benchmarks._faults_log import SinkLog
from benchmarks._faults_points import TAKEN
from benchmarks._servers import ROOT, free_port
from config.environment import load_environment
from config.processes import beat, worker
from config.supervisor import TICK_SECONDS, ProcessSpec, ServerSpec, Supervisor
from delivery.models import Batch

PATIENCE_SECONDS = 120.0
_HELD = f"SELECT count(*) FROM delivery_batch WHERE state = {Batch.State.LEASED:d} AND lease_owner <> ALL(%s)"


def wait_for[T](what: str, ask: Callable[[], T], *, seconds: float = PATIENCE_SECONDS, every: float = 0.02) -> T:
    """Ask until the answer is true, and return it.  Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"It took more than {seconds:g} s: {what}.")
        time.sleep(every)
    return answer


def asked[T](question: Callable[[], T]) -> T:
    """Ask PostgreSQL, which may be away for the moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return question()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def select(statement: str, *values: object) -> int:
    """Return the number that a statement selects."""

    def question() -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            (number,) = cursor.fetchone()
        return int(number or 0)

    return asked(question)


@dataclass
class SinkServer:
    """The receiving server as a process."""

    folder: Path
    port: int = field(default_factory=free_port)
    log: SinkLog = field(init=False)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.log = SinkLog(self.folder / "sink.log")

    def slow_down(self, pause: float) -> None:
        """Let so many seconds pass between a message and its answer."""
        draft = self.folder / "pause.new"
        draft.write_text(str(pause))
        draft.rename(self.folder / "pause")

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [sys.executable, "-m", "benchmarks._faults_sink", str(self.port), str(self.folder)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
        line = f":{self.port:04X} "

        def listens() -> bool:
            return any(
                line in row and row.split()[3] == "0A" for row in Path("/proc/net/tcp").read_text().splitlines()[1:]
            )

        wait_for("the sink listens", listens)

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.log.forget_connections()

    def cut_off(self) -> None:
        """Have it drop all connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGUSR1)


@dataclass
class Site:
    """One machine: a data folder, so journals of its own, and the product's supervisor over worker, beat and servers.

    The worker is started through `_faults_worker`; `orders` is the folder where it looks for what to do at which point.
    """

    name: str
    environ: Mapping[str, str]
    orders: Path
    servers: Sequence[ServerSpec] = ()
    concurrency: int = 2
    with_beat: bool = True
    said: list[str] = field(default_factory=list)
    _supervisor: Supervisor = field(init=False)
    _thread: threading.Thread | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._supervisor = Supervisor(self.folder, ROOT, self.environ, self.said.append)

    @property
    def folder(self) -> Path:
        """The data folder."""
        return Path(self.environ["DATA_DIR"])

    @property
    def journals(self) -> Path:
        """Where its workers keep their journals."""
        return self.folder / "journal" / quote(str(connection.settings_dict["NAME"]), safe="")

    def start(self) -> None:
        """Start everything and keep it running."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.orders.mkdir(parents=True, exist_ok=True)
        for server in self.servers:
            self._supervisor.start_server(server)
        for spec in self._specs():
            self._supervisor.start_process(spec)
        self._ended.clear()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the processes; servers that were here before stay."""
        self._halt()
        self._supervisor.hurry = True
        self._supervisor._servers.clear()  # noqa: SLF001 - they belong to whoever runs the proof
        self._supervisor.stop()

    def hold_still(self) -> None:
        """Stop the worker's processes where they are."""
        for process in tree(self.pid("worker")):
            process.suspend()

    def go_on(self) -> None:
        """Let them go on."""
        for process in tree(self.pid("worker")):
            process.resume()

    def kill_for_good(self) -> None:
        """Kill everything at once and start nothing again, as when a machine is gone."""
        for pid in self._supervisor.pids().values():
            kill_tree(pid)
        self._halt()
        self.stop()

    def pid(self, name: str) -> int:
        """Return the number of a running process; waits for it while it is being started again."""
        return wait_for(f"{self.name}'s {name} runs", lambda: self._supervisor.pids().get(name))  # type: ignore[return-value]

    def runs(self) -> bool:
        """Tell whether everything runs that should."""
        names = {spec.name for spec in self._specs()}
        servers = [server for _, server in list(self._supervisor._servers.values())]  # noqa: SLF001
        return names <= set(self._supervisor.pids()) and all(server.is_running() for server in servers)

    def kill(self, name: str, *, helpers: bool) -> None:
        """Kill a supervised process, all below it too with `helpers`; returns when the supervisor has seen it."""
        pid = self.pid(name)
        if helpers:
            kill_tree(pid)
        else:
            os.kill(pid, signal.SIGKILL)
        wait_for(f"{name} is missed", lambda: self._supervisor.pids().get(name) != pid)

    def pool(self) -> dict[str, psutil.Process]:
        """Return the worker's pool processes by their journals' names, without those that have sent nothing yet."""
        found = {}
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.pid("worker")).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    for file in child.open_files():
                        # A settler reads those of others.
                        if file.path.endswith(".journal") and file.mode != "r":  # type: ignore[attr-defined]
                            found[Path(file.path).stem] = child
        return found

    def abandoned(self) -> list[str]:
        """Return the journals of dead processes that nobody has settled yet."""
        return [path.stem for path in self.journals.glob("*.journal") if not is_locked(path)]

    def is_settled(self) -> bool:
        """Tell whether no batch is held by a dead process and no dead process's journal is left."""
        living = set(self.pool())
        return not self.abandoned() and not select(_HELD, list(living))

    def order(self, point: str) -> Path:
        """Tell the workers to die at a point; return the file that then holds the number of the one that did."""
        (self.orders / f"{point}{TAKEN}").unlink(missing_ok=True)
        (self.orders / point).touch()
        return self.orders / f"{point}{TAKEN}"

    def _specs(self) -> list[ProcessSpec]:
        environment = load_environment(self.environ, ROOT)
        spec = worker(replace(environment, workers=self.concurrency))
        place = spec.command.index("celery")
        command = [*spec.command[:place], "benchmarks._faults_worker", str(self.orders), *spec.command[place + 1 :]]
        command[command.index("--queues") + 1] = "delivery,default,bulk"
        command[command.index("--hostname") + 1] = f"{self.name}@%h"
        return [replace(spec, command=command), *([beat(environment)] if self.with_beat else [])]

    def _watch(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            self._supervisor.tick()

    def _halt(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None


def is_locked(path: Path) -> bool:
    """Tell whether a journal's process lives; a settler that looks at this very moment comes again."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(file)


def kill_tree(pid: int) -> None:
    """Kill a process and all below it at once."""
    for member in tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all below it; none if it is gone."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
