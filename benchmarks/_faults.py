"""The proof of faults: one kill after the other in the middle of a send, and what must hold after each and in the end."""

import math
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import psutil
from django.db import connection

from benchmarks._faults_points import POINTS
from benchmarks._faults_site import (
    PATIENCE_SECONDS,
    SinkServer,
    Site,
    asked,
    select,
    wait_for,
)
from config.embedded import postgres, valkey
from config.embedded.layout import Layout
from delivery.models import Attempt, Batch, Message, MessageState
from tracking.recount import find_differences

# Seconds from a message to its answer: while the next kill is awaited, and while the last one is got over, so that even a
# slow machine has something left to send when the last kill comes.
QUICK = 0.02
SLOW = 1.0
# How long a server is away in the kills that say so.
AWAY_SECONDS = 4.0
# Points that are only come to after a process has died: by who settles its batch, or by its successor, which knows no link yet.
AFTER_A_DEATH = ("before settling", "settled, journal there", "before the links' write", "after the links' write")

_LEASED = f"SELECT count(*) FROM delivery_batch WHERE state = {Batch.State.LEASED:d}"
_LEASED_BY = f"{_LEASED} AND lease_owner = %s"
_LEASED_SINCE = "SELECT count(*) FROM delivery_batch WHERE leased_at > to_timestamp(%s)"
_OPEN = f"SELECT count(*) FROM delivery_batch WHERE state IN ({Batch.State.QUEUED:d}, {Batch.State.HELD:d}, {Batch.State.LEASED:d})"
_IN_DOUBT = f"SELECT count(*) FROM delivery_attempt WHERE outcome = {MessageState.UNKNOWN:d}"
_OTHER_SESSIONS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)


@dataclass
class Fault:
    """One kill and what came of it; times are in seconds."""

    kind: str
    at_reply: int
    on_the_wire: int = 0
    leased: int = 0
    settled_s: float = 0.0
    recovery_s: float = 0.0
    in_doubt: int = 0

    def line(self) -> str:
        """Return it as a line of the proof's output."""
        return (
            f"{self.at_reply:6} {self.kind:24} on the wire {self.on_the_wire:2}, leased {self.leased:2}, in doubt {self.in_doubt}"
            f", settled {self.settled_s:5.1f} s, next message {self.recovery_s:5.1f} s"
        )


@dataclass
class Rig:
    """What is killed, and where it is seen.  `layout` is where the embedded servers are; those of a test may not be killed."""

    site: Site
    sink: SinkServer
    layout: Layout
    draw: random.Random
    faults: list[Fault] = field(default_factory=list)
    away: float = 0.0
    doubted: int = 0

    def suffer(self, kind: str, at_reply: int) -> Fault:
        """Wait for the nth message, kill, and wait until everything is settled and the next message has arrived.

        Raises AssertionError if nothing was in flight, TimeoutError if it does not recover.
        """
        log = self.sink.log
        self.sink.slow_down(QUICK)
        wait_for(f"message {at_reply} arrives", lambda: log.read() >= at_reply, seconds=2 * PATIENCE_SECONDS)
        fault = Fault(kind, len(log.arrivals))
        self._count_doubts()
        wait_for("something is in flight", lambda: self._look(fault), every=0.005)
        killed_at = self._kill(kind, fault)
        self.sink.slow_down(SLOW)
        assert fault.on_the_wire or fault.leased, f"nothing was in flight at {kind!r}"
        wait_for(f"all is settled after {kind!r}", lambda: self._is_settled(killed_at), every=0.1)
        settled_at = time.time()
        fault.settled_s = settled_at - killed_at
        arrived = wait_for(f"a message arrives after {kind!r}", lambda: log.read() and log.arrived_after(settled_at))
        fault.recovery_s = (arrived or settled_at) - killed_at
        self.faults.append(fault)
        self._count_doubts()
        return fault

    def finish(self, *, seconds: float) -> None:
        """Let the rest go out and wait until nothing waits any more."""
        self.sink.slow_down(0)
        wait_for("the rest goes out", lambda: select(_OPEN) == 0 and self.site.is_settled(), seconds=seconds, every=0.2)
        self.sink.log.read()
        self._count_doubts()

    def _count_doubts(self) -> None:
        """Count what has come to be in doubt for the last kill; a worker that lives tells at the end of its trip."""
        total = select(_IN_DOUBT)
        if self.faults:
            self.faults[-1].in_doubt += total - self.doubted
        self.doubted = total

    def _look(self, fault: Fault) -> bool:
        """Note what is in flight; a worker that has just died at a point was in flight when that was ordered."""
        self.sink.log.read()
        on_the_wire, leased = len(self.sink.log.on_the_wire), select(_LEASED)
        fault.on_the_wire, fault.leased = max(fault.on_the_wire, on_the_wire), max(fault.leased, leased)
        return bool(on_the_wire and leased)

    def _is_settled(self, killed_at: float) -> bool:
        return self.site.runs() and self.site.is_settled() and bool(select(_LEASED_SINCE, killed_at))

    def _kill(self, kind: str, fault: Fault) -> float:
        """Do it; return when it happened (seconds since 1970)."""
        if kind in POINTS:
            taken = self.site.order(kind)
            self.sink.slow_down(SLOW)
            if kind in AFTER_A_DEATH:
                self.kill_pool_process()
            wait_for(f"a process comes to {kind!r}", lambda: taken.exists() and taken.read_text().endswith("\n"))
            killed_at = taken.stat().st_mtime
            self._look(fault)
            return killed_at
        killed_at = time.time()
        self.away = AWAY_SECONDS if kind.endswith("away") else 0.0
        _KINDS[kind](self)
        return killed_at

    def come_back[T](self, start: Callable[[], T]) -> Callable[[], T]:
        """Return what starts a server again after it has been away for a while."""

        def later() -> T:
            time.sleep(self.away)
            return start()

        return later

    # What can be killed beside the points.

    def kill_pool_process(self) -> None:
        """One of the worker's processes, with a batch in its hands."""
        held = ""
        while not held or not select(_LEASED_BY, held):
            pool = wait_for("a pool process sends", self._sending)
            held = self.draw.choice(sorted(pool))
            pool[held].kill()

    def _sending(self) -> dict[str, psutil.Process]:
        return {name: process for name, process in self.site.pool().items() if select(_LEASED_BY, name)}

    def kill_worker(self) -> None:
        """The worker with all its processes."""
        self.site.kill("worker", helpers=True)

    def kill_parent(self) -> None:
        """The worker's first process, which the others notice."""
        self.site.kill("worker", helpers=False)

    def kill_beat(self) -> None:
        """The clock."""
        self.site.kill("beat", helpers=True)

    def kill_redis(self) -> None:
        """The broker, which is also the pacing's memory."""
        server = valkey.server_process(self.layout)
        assert server is not None
        server.kill()
        server.wait()

    def kill_postgres(self) -> None:
        """The first process of PostgreSQL; the others notice."""
        server = postgres.server_process(self.layout)
        assert server is not None
        server.kill()
        connection.close()

    def kill_backend(self) -> None:
        """One session's process: PostgreSQL then ends all sessions and recovers from its log."""
        os.kill(self.draw.choice(self._sessions()), signal.SIGKILL)
        connection.close()

    def cut_sessions(self) -> None:
        """All sessions of the database but ours."""
        for pid in self._sessions():
            select("SELECT pg_terminate_backend(%s)::int", pid)

    def kill_sink(self) -> None:
        """The receiving server, which is started again after a moment."""
        self.sink.kill()
        time.sleep(max(self.away, 0.3))
        self.sink.start()

    def cut_off_sink(self) -> None:
        """All connections to the receiving server."""
        self.sink.cut_off()

    def _sessions(self) -> list[int]:
        def question() -> list[int]:
            with connection.cursor() as cursor:
                cursor.execute(_OTHER_SESSIONS)
                return [pid for (pid,) in cursor.fetchall()]

        return wait_for("the workers are connected", lambda: asked(question))


_KINDS: Mapping[str, Callable[[Rig], None]] = {
    "pool process": Rig.kill_pool_process,
    "worker": Rig.kill_worker,
    "worker's parent": Rig.kill_parent,
    "beat": Rig.kill_beat,
    "redis": Rig.kill_redis,
    "redis away": Rig.kill_redis,
    "postgres": Rig.kill_postgres,
    "postgres away": Rig.kill_postgres,
    "postgres backend": Rig.kill_backend,
    "postgres sessions cut": Rig.cut_sessions,
    "smtp server": Rig.kill_sink,
    "smtp server away": Rig.kill_sink,
    "smtp connections cut": Rig.cut_off_sink,
}
KINDS = (*_KINDS, *POINTS)


@dataclass
class Verdict:
    """What the ledger and the sink say in the end; `faults` are sentences, none if all is well."""

    states: Counter[str]
    lost: int
    duplicates_unflagged: int
    duplicates_flagged: int
    unknown_max_per_connection: int
    faults: list[str]


def judge(rig: Rig, message_ids: Collection[int]) -> Verdict:
    """Compare the ledger with what arrived, message by message, and the counters with the ledger."""
    log = rig.sink.log
    rows = list(Message.objects.filter(pk__in=message_ids).values_list("pk", "contact__email", "state"))
    doubts = list(Attempt.objects.filter(outcome=MessageState.UNKNOWN).values_list("message__contact__email", "at"))
    doubted = Counter(email for email, _ in doubts)
    states = Counter(MessageState(state).name for _, _, state in rows)
    faults = []
    lost = duplicates = flagged = 0
    for pk, email, state in rows:
        times = log.taken[email]
        if state in (MessageState.QUEUED, MessageState.DEFERRED) or (state == MessageState.ACCEPTED and not times):
            lost += 1
            faults.append(f"message {pk} to {email} is {MessageState(state).name} and arrived {times} times")
        elif state == MessageState.FAILED and (times or email not in log.refused):
            faults.append(f"message {pk} to {email} failed though it was not refused")
        elif state not in (MessageState.ACCEPTED, MessageState.FAILED, MessageState.UNKNOWN):
            faults.append(f"message {pk} to {email} is {MessageState(state).name}")
        if times > 1:
            flagged += times - 1
        if times > 1 + doubted[email]:
            duplicates += times - 1 - doubted[email]
            faults.append(f"{email} got the message {times} times, {doubted[email]} of them flagged")
    if len(rows) != len(message_ids):
        faults.append(f"{len(message_ids)} messages were made and {len(rows)} are there")
    connections = Counter(log.connection_of(email, at.timestamp()) for email, at in doubts)
    if connections.pop(None, 0):
        faults.append("a message is in doubt that no server ever asked for")
    faults += [f"counters: {line}" for line in find_differences().lines()]
    return Verdict(states, lost, duplicates, flagged - duplicates, max(connections.values(), default=0), faults)


def schedule(kinds: Collection[str], total: int, draw: random.Random) -> list[tuple[str, int]]:
    """Return the kills in an order drawn by chance, each with the number of the message at whose arrival it comes."""
    order = list(kinds)
    draw.shuffle(order)
    # The last tenth is left, so that there is something to recover with.
    step = total * 0.9 / len(order)
    return [(kind, math.ceil(step * (place + draw.uniform(0.3, 0.9)))) for place, kind in enumerate(order)]
