"""Debian's smtp-sink and the product's workers, as the sending benchmarks need them."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60


def program(name: str) -> str:
    """Return the path of a program of Debian's postfix package.  Raises RuntimeError if it is not installed."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        raise RuntimeError(f"{name} is missing: install the package postfix.")
    return path


def free_port() -> int:
    """Return a TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Sink(NamedTuple):
    """A running smtp-sink."""

    port: int
    pid: int


@contextmanager
def sink() -> Iterator[Sink]:
    """Run smtp-sink, which takes all mail and keeps none."""
    port = free_port()
    command = [program("smtp-sink")]
    if os.geteuid() == 0:
        command += ["-u", pwd.getpwnam("nobody").pw_name]
    process = subprocess.Popen([*command, f"127.0.0.1:{port}", "1000"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        if time.monotonic() > deadline:
            raise RuntimeError("smtp-sink did not start.")
        time.sleep(0.05)
    try:
        yield Sink(port, process.pid)
    finally:
        process.kill()
        process.wait()


@contextmanager
def workers(processes: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Celery worker with this many processes and the beat schedule; yields when it is ready."""
    folder = Path(os.environ["DATA_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "worker.log"
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "config",
        "worker",
        f"--concurrency={processes}",
        "--loglevel=INFO",
    ]
    command += ["--without-gossip", "--without-mingle", "--beat", f"--schedule={folder / 'beat.db'}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + START_SECONDS
    while " ready." not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"The worker did not start:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.05)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def peak_mb(process: subprocess.Popen[bytes]) -> int:
    """Return the largest resident size that a process of the worker has had, in MB."""
    members = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    peaks = [
        int(line.split()[1])
        for member in members
        for line in Path(f"/proc/{member.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    ]
    return max(peaks) // 1024
