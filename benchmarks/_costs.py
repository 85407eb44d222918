"""CPU that the product's processes, PostgreSQL and the sink use for each message."""

from typing import Self

import psutil
from django.db import connection


class Costs:
    """Begin before the work, then ask `per(count)`: microseconds of CPU by who used them."""

    def __init__(self, workers: int, sink: int, **others: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (backend,) = cursor.fetchone()
        postmaster = psutil.Process(backend).ppid()
        self._roots = {"workers": workers, "postgres": postmaster, "sink": sink, **others}
        self._before: dict[str, float] = {}

    def begin(self) -> Self:
        """Count from now on."""
        self._before = {name: _seconds(pid) for name, pid in self._roots.items()}
        return self

    def per(self, count: int) -> dict[str, float]:
        """Return the microseconds for each of `count` messages."""
        return {name: round((_seconds(pid) - self._before[name]) / count * 1e6, 1) for name, pid in self._roots.items()}


def _seconds(pid: int) -> float:
    """The CPU of a process and its children, those that have ended too."""
    total = 0.0
    process = psutil.Process(pid)
    for member in [process, *process.children(recursive=True)]:
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
