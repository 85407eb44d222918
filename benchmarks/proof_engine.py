"""The engine against the reference interpreter: random sequences, people, events, replies and pauses, and workers that die.

CASES (2,000) random cases, BATCH (100) of them in one database run: each of four people goes through a sequence of up to 26 steps of
all kinds, in simulated time, while ticks and the handlers of facts are killed: by an exception between two statements,
by PostgreSQL ending the connection, and by SIGKILL of a worker process. The interpreter (`tests/integration/sequences/reference.py`)
imports nothing of the engine. Same messages, same ticks, same lanes at the same moments, same ends, same outbox, tags,
lists, fields and ways elsewhere. SEED=… begins elsewhere.
"""

import logging
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connection

from tests.integration.sequences.cases import PACES, KilledError, play

CASES = int(os.environ.get("CASES", "2000"))
BATCH = int(os.environ.get("BATCH", "100"))
SEED = int(os.environ.get("SEED", "1000"))
BURIAL_SECONDS = 60

deaths: Counter[str] = Counter()


def main() -> dict[str, Any]:
    """Return the proof's line; ends with a status other than 0 when the two disagree."""
    logging.disable(logging.ERROR)  # every death would be told of
    started = time.monotonic()
    people = cases = 0
    wrong: set[int] = set()
    kills = (kill_by_raising, kill_the_connection, kill_the_process)
    for batch, first in enumerate(range(SEED, SEED + CASES, BATCH)):
        seeds = list(range(first, min(first + BATCH, SEED + CASES)))
        for case, person, did, told in play(seeds, pace=batch % len(PACES), kills=kills, limit=3 * BATCH // 2):
            people += 1
            if did != told and case.seed not in wrong:
                wrong.add(case.seed)
                print(
                    f"Case {case.seed}, pace {batch % len(PACES)}, person {person.number}:\n{did}\n{told}",
                    file=sys.stderr,
                )
        cases += len(seeds)
        print(
            f"{cases} cases, {len(wrong)} disagreements, {time.monotonic() - started:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    result = {
        "proof": "engine",
        "cases": cases,
        "disagreements": len(wrong),
        "people": people,
        "deaths": dict(deaths),
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    if wrong:
        print(result)
        sys.exit(1)
    return result


def kill_by_raising(work: Callable[[], object], left: int) -> bool:
    """Let the transaction fail at a statement."""

    def die() -> None:
        raise KilledError

    return _lives(work, left, die, "statement")


def kill_the_connection(work: Callable[[], object], left: int) -> bool:
    """Have PostgreSQL end the connection at a statement."""

    def die() -> None:
        pid = connection.connection.info.backend_pid
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    return _lives(work, left, die, "connection")


def _lives(work: Callable[[], object], left: int, die: Callable[[], None], name: str) -> bool:
    def count_down(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        left -= 1
        if left == -1:
            die()
        return execute(sql, params, many, context)

    try:
        with connection.execute_wrapper(count_down):
            work()
    except (KilledError, OperationalError, InterfaceError):
        if left >= 0:
            raise
        deaths[name] += 1
        connection.close()
        return False
    return left >= 0 or _noted(name)


def _noted(name: str) -> bool:
    """A death that a handler's own try has swallowed: the fact is tried again."""
    deaths[name] += 1
    connection.close()
    return False


def kill_the_process(work: Callable[[], object], left: int) -> bool:
    """Do the work in a process of its own, which is killed at a statement."""
    connection.close()
    child = os.fork()
    if child == 0:
        status = 1
        try:

            def count_down(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
                nonlocal left
                left -= 1
                if left == -1:
                    os.kill(os.getpid(), signal.SIGKILL)
                return execute(sql, params, many, context)

            with connection.execute_wrapper(count_down):
                work()
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        deaths["process"] += 1
        _bury()
        return False
    if os.waitstatus_to_exitcode(ended):
        raise RuntimeError("The worker failed without having been killed.")
    return True


def _bury() -> None:
    """Wait until PostgreSQL has seen that the process is gone: what it holds is passed over until then, and done a tick later."""
    deadline = time.monotonic() + BURIAL_SECONDS
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.01)
    raise RuntimeError("A killed worker's connection is still open.")
