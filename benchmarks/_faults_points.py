"""Named points inside the sending of a batch, at which a worker kills itself when it is told to.

The product has no hooks for this: its functions are wrapped. A process that comes to a point for which there is an order (a
file with the point's name) takes the order by renaming it, so that only one does, writes its number into it, and ends itself
with SIGKILL; at a point of `CUTS` it loses its connection to PostgreSQL instead.
"""

import os
import signal
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from delivery import claims, courier
from delivery.counters import Tally
from delivery.journal import Journal, Outcome, Start, decode
from delivery.services import sending
from delivery.smtp import Stage
from delivery.smtp.connection import Connection

# Names are what the proof prints; each says between which two steps the process dies.
KILLS = (
    "batch leased",
    "before the links' write",
    "after the links' write",
    "stops looked at again",
    "start journalled",
    "content half sent",
    "content sent",
    "reply read",
    "outcome journalled",
    "before the receipts",
    "receipts written",
    "in the commit",
    "committed, journal full",
    "journal emptied",
    "before settling",
    "settled, journal there",
)
# The commit happened, its answer is lost.
CUTS = ("lease's answer lost", "receipts' answer lost")
POINTS = (*KILLS, *CUTS)
TAKEN = ".taken"

type Original = Callable[..., Any]


class Points:
    """The wrappers; each takes the original function first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recording = False

    def install(self) -> None:
        """Wrap the product's functions in this process.  Raises AttributeError when one is gone: name its successor."""
        wrap(claims, "lease_batch", self.lease_batch)
        wrap(claims, "recheck", self.recheck)
        wrap(courier, "store_links", self.store_links)
        wrap(Journal, "note", self.note)
        wrap(Journal, "forget", self.forget)
        wrap(Connection, "write", self.write)
        wrap(Tally, "write", self.write_tally)
        wrap(BaseDatabaseWrapper, "_commit", self.commit)
        wrap(sending, "_record_trip", self.record_trip)
        wrap(sending, "_settle_batch", self.settle_batch)

    def ordered(self, point: str) -> bool:
        """Take the order for a point, if there is one."""
        taken = self.folder / f"{point}{TAKEN}"
        try:
            (self.folder / point).rename(taken)
        except FileNotFoundError:
            return False
        taken.write_text(f"{os.getpid()}\n")
        return True

    def reach(self, point: str) -> None:
        """Die here if that is ordered."""
        if self.ordered(point):
            die()

    def cut(self, point: str) -> None:
        """Lose the answer of a statement that was carried out, if that is ordered."""
        if self.ordered(point):
            connection.close()
            raise OperationalError("The connection was lost before the server's answer.")

    def lease_batch(self, original: Original, **kwargs: Any) -> Any:
        lease = original(**kwargs)
        if lease is not None:
            self.cut("lease's answer lost")
            self.reach("batch leased")
        return lease

    def recheck(self, original: Original, *args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        self.reach("stops looked at again")
        return found

    def store_links(self, original: Original, mailing_id: int, links: Any) -> None:
        if links:
            self.reach("before the links' write")
        original(mailing_id, links)
        if links:
            self.reach("after the links' write")

    def note(self, original: Original, journal: Journal, entries: Iterable[bytes]) -> None:
        entries = list(entries)
        kinds = {type(entry) for entry in decode(b"".join(entries))}
        if Outcome in kinds:
            self.reach("reply read")
        original(journal, entries)
        if Outcome in kinds:
            self.reach("outcome journalled")
        if Start in kinds:
            self.reach("start journalled")

    def forget(self, original: Original, journal: Journal) -> None:
        self.reach("committed, journal full")
        original(journal)
        self.reach("journal emptied")

    def write(self, original: Original, connected: Connection) -> Any:
        session = connected.session
        content = session.awaited is Stage.CONTENT and bool(session.output)
        if content and self.ordered("content half sent"):
            if connected._socket is not None:  # noqa: SLF001 - the product offers no way to send half of it
                connected._socket.send(session.output[: len(session.output) // 2])  # noqa: SLF001
            die()
        events = original(connected)
        if content and not session.output:
            self.reach("content sent")
        return events

    def write_tally(self, original: Original, tally: Tally) -> None:
        original(tally)
        if self.recording:
            self.reach("receipts written")

    def commit(self, original: Original, wrapper: Any) -> None:
        if self.recording and self.ordered("in the commit"):
            # The server gets the command; nobody is left to hear what it says.
            wrapper.connection.pgconn.send_query(b"COMMIT")
            wrapper.connection.pgconn.flush()
            die()
        original(wrapper)

    def record_trip(self, original: Original, *args: Any, **kwargs: Any) -> None:
        self.reach("before the receipts")
        self.recording = True
        try:
            original(*args, **kwargs)
        finally:
            self.recording = False
        self.cut("receipts' answer lost")

    def settle_batch(self, original: Original, *args: Any) -> None:
        self.reach("before settling")
        original(*args)
        self.reach("settled, journal there")


def wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Put a function around one of the product's."""
    original = getattr(owner, name)

    @wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(owner, name, wrapped)


def die() -> None:
    """End this process as the kernel would."""
    os.kill(os.getpid(), signal.SIGKILL)
