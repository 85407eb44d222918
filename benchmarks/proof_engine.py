"""The engine against the reference interpreter: random sequences, people, events, replies and pauses, and workers that die.

CASES (2,000) random cases, BATCH (100) of them in one database run, PROCESSES (as many as there are cores) runs at a time, each
on a database of its own: each of four people goes through a sequence of up to 26 steps of
all kinds, in simulated time, while ticks and the handlers of facts are killed: by an exception between two statements,
by PostgreSQL ending the connection, and by SIGKILL of a worker process. The interpreter (`tests/integration/sequences/reference.py`)
imports nothing of the engine. Same messages, same ticks, same lanes at the same moments, same ends, same outbox, tags,
lists, fields and ways elsewhere. SEED=… begins elsewhere.
"""

import logging
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
from django.db import InterfaceError, OperationalError, connection
from psycopg import sql

from tests.integration.sequences.cases import PACES, KilledError, play

CASES = int(os.environ.get("CASES", "2000"))
BATCH = int(os.environ.get("BATCH", "100"))
SEED = int(os.environ.get("SEED", "1000"))
PROCESSES = int(os.environ.get("PROCESSES", "0")) or os.cpu_count() or 1
BURIAL_SECONDS = 60

deaths: Counter[str] = Counter()


class Told(NamedTuple):
    """What a batch of cases has shown: the seeds of those that disagree, and all that was gone through."""

    cases: int
    people: int
    wrong: list[int]
    deaths: Counter[str]


def main() -> dict[str, Any]:
    """Return the proof's line; ends with a status other than 0 when the two disagree."""
    started = time.monotonic()
    all_deaths: Counter[str] = Counter()
    people = cases = 0
    wrong: list[int] = []
    fork = multiprocessing.get_context("fork")
    databases = fork.Queue()
    for url in make_databases(PROCESSES):
        databases.put(url)
    with ProcessPoolExecutor(PROCESSES, mp_context=fork, initializer=move_in, initargs=(databases,)) as pool:
        batches = [pool.submit(run_batch, number) for number in range(-(-CASES // BATCH))]
        for batch in as_completed(batches):
            told = batch.result()
            cases += told.cases
            people += told.people
            wrong += told.wrong
            all_deaths += told.deaths
            seconds = time.monotonic() - started
            print(f"{cases} cases, {len(wrong)} disagreements, {seconds:.0f} s", file=sys.stderr, flush=True)
    result = {
        "proof": "engine",
        "cases": cases,
        "disagreements": len(wrong),
        "people": people,
        "deaths": dict(all_deaths),
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    if wrong:
        print(result)
        sys.exit(1)
    return result


def make_databases(count: int) -> list[str]:
    """Copy the migrated database for each process; returns their URLs."""
    connection.close()
    url = os.environ["DATABASE_URL"]
    name = connection.settings_dict["NAME"]
    names = [f"{name}_{number}" for number in range(count)]
    with psycopg.connect(url, dbname="postgres", autocommit=True) as postgres:
        for copy in names:
            postgres.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(copy), sql.Identifier(str(name)))
            )
    return [urlsplit(url)._replace(path=f"/{copy}").geturl() for copy in names]


def move_in(databases: "multiprocessing.Queue[str]") -> None:
    """Let this process work on one of the databases, which nobody else uses."""
    logging.disable(logging.ERROR)  # every death would be told of
    os.environ["DATABASE_URL"] = databases.get()
    connection.settings_dict["NAME"] = urlsplit(os.environ["DATABASE_URL"]).path.removeprefix("/")


def run_batch(number: int) -> Told:
    """Run the cases of one batch, and print those in which the two disagree."""
    deaths.clear()
    first = SEED + number * BATCH
    seeds = list(range(first, min(first + BATCH, SEED + CASES)))
    pace = number % len(PACES)
    people = 0
    wrong: list[int] = []
    kills = (kill_by_raising, kill_the_connection, kill_the_process)
    for case, person, did, told in play(seeds, pace=pace, kills=kills, limit=3 * BATCH // 2):
        people += 1
        if did != told and case.seed not in wrong:
            wrong.append(case.seed)
            print(f"Case {case.seed}, pace {pace}, person {person.number}:\n{did}\n{told}", file=sys.stderr)
    return Told(len(seeds), people, wrong, Counter(deaths))


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
    def count_down(execute: Any, query: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        left -= 1
        if left == -1:
            die()
        return execute(query, params, many, context)

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

            def count_down(execute: Any, query: str, params: Any, many: bool, context: Any) -> Any:
                nonlocal left
                left -= 1
                if left == -1:
                    os.kill(os.getpid(), signal.SIGKILL)
                return execute(query, params, many, context)

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
