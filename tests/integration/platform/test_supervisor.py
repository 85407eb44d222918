"""The supervisor: restarts what dies, stops in order, leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config.supervisor import (
    AlreadyRunningError,
    ProcessSpec,
    ServerSpec,
    Supervisor,
    end_leftovers,
    leftovers,
    only_supervisor,
)
from tests.plugins.workers import ROOT

SLEEP = "import time; time.sleep(300)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(300)"
)
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); time.sleep(300)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, ROOT, os.environ, said.append)
    yield supervisor
    supervisor.hurry = True
    supervisor.stop()


def program(name: str, code: str, *, stop_seconds: float = 5) -> ProcessSpec:
    return ProcessSpec(name, [sys.executable, "-c", code], stop_seconds)


def tick_until(supervisor: Supervisor, condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        supervisor.tick()
        time.sleep(0.02)


def test_a_killed_process_is_started_again(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start_process(program("worker", SLEEP))
    before = supervisor.pids()["worker"]
    os.kill(before, signal.SIGKILL)
    tick_until(supervisor, lambda: supervisor.pids().get("worker", before) != before)
    assert said[0].startswith("worker stopped (signal 9); starting it again in 0.5 s.")


def test_a_process_that_keeps_dying_waits_longer_each_time(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start_process(program("broken", "raise SystemExit(3)"))
    tick_until(supervisor, lambda: len(said) == 3)
    assert [text.split(" again in ")[1].split(" s.")[0] for text in said] == ["0.5", "1", "2"]
    assert "(exit status 3)" in said[0]


def test_the_helpers_of_a_dead_process_go_with_it(supervisor: Supervisor) -> None:
    supervisor.start_process(program("parent", PARENT))
    pid = supervisor.pids()["parent"]
    tick_until(supervisor, lambda: psutil.Process(pid).children())
    (helper,) = psutil.Process(pid).children()
    os.kill(pid, signal.SIGKILL)
    tick_until(supervisor, lambda: not helper.is_running())


def test_stopping_leaves_no_process(supervisor: Supervisor, tmp_path: Path) -> None:
    for number in range(3):
        supervisor.start_process(program(f"parent-{number}", PARENT))
    tick_until(supervisor, lambda: len(leftovers(tmp_path)) == 6)
    supervisor.stop()
    assert leftovers(tmp_path) == []
    assert supervisor.pids() == {}


def test_a_process_that_will_not_stop_is_killed_when_its_time_is_up(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start_process(program("stubborn", STUBBORN, stop_seconds=0.5))
    log = tmp_path / "logs" / "stubborn.log"
    tick_until(supervisor, lambda: "ready" in log.read_text())
    started = time.monotonic()
    supervisor.stop()
    assert 0.4 < time.monotonic() - started < 4
    assert leftovers(tmp_path) == []


def test_servers_start_again_when_they_die_and_stop_after_the_processes(
    supervisor: Supervisor, said: list[str]
) -> None:
    order: list[str] = []

    class FakeServer:
        running = True

        def is_running(self) -> bool:
            return self.running

        def stop(self) -> None:
            order.append("no process left" if not supervisor.pids() else "too early")

    servers: list[FakeServer] = []

    def start() -> FakeServer:
        servers.append(FakeServer())
        return servers[-1]

    supervisor.start_server(ServerSpec("PostgreSQL", start))
    supervisor.start_process(program("worker", SLEEP))
    servers[0].running = False
    supervisor.tick()
    assert len(servers) == 2
    assert said == ["PostgreSQL stopped; starting it again."]
    supervisor.stop()
    assert order == ["no process left"]


def test_what_a_killed_supervisor_left_is_found_and_stopped(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys, time\n"
        "from config.supervisor import ProcessSpec, Supervisor\n"
        "supervisor = Supervisor(pathlib.Path(sys.argv[1]), pathlib.Path.cwd(), os.environ, print)\n"
        f"supervisor.start_process(ProcessSpec('parent', [sys.executable, '-c', {PARENT!r}]))\n"
        "print('up', flush=True)\n"
        "supervisor.run()\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "up\n"
    deadline = time.monotonic() + 10
    while len(leftovers(tmp_path)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    holder.kill()
    holder.wait()
    assert len(leftovers(tmp_path)) == 2
    assert end_leftovers(tmp_path, seconds=5) == 2
    assert leftovers(tmp_path) == []


def test_a_data_folder_has_one_supervisor(tmp_path: Path) -> None:
    refused = pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}")
    with only_supervisor(tmp_path), refused, only_supervisor(tmp_path):
        pass
    with only_supervisor(tmp_path):
        pass


def test_a_long_log_is_moved_aside_while_its_process_writes_on(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.supervisor.LOG_LIMIT", 1000)
    code = "import time\nwhile True: print('x' * 99, flush=True); time.sleep(0.01)"
    supervisor.start_process(program("chatty", code))
    log = tmp_path / "logs" / "chatty.log"
    tick_until(supervisor, lambda: log.with_suffix(".old.log").exists())
    assert log.stat().st_size < 5000
    tick_until(supervisor, lambda: log.read_bytes().startswith(b"x"))
