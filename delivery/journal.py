"""What a worker notes on its own disk before and after each message, so that being killed loses nothing.

One append-only file a process, named at random, locked (`flock`) while the process lives: a file whose lock can be taken
belongs to a dead one. A *start* is written before the first octet of a message's content, an *outcome* at its answer, both
with one `write` a read of the socket; the page cache keeps them when the process is killed. It does not when the machine
loses power: the file's head names the boot, and after another boot nothing in it is taken as complete.

The file is emptied when a batch is committed, so it holds one batch at most.
"""

import contextlib
import fcntl
import os
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self
from uuid import uuid4
from zlib import crc32

_MAGIC = b"drumbeat journal 1\n"
_HEAD = struct.Struct(">QHH")  # message, kind or stage, length of the text
_MOMENT = struct.Struct(">d")
_START = 0
_MOST_TEXT = 2000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SUFFIX = ".journal"


class Outcome(NamedTuple):
    """How the server answered: where (`stage`, a number of `STAGES`), when (seconds since 1970) and what."""

    message_id: int
    stage: int
    at: float
    reply: str


class Start(NamedTuple):
    """The content of this message is about to go out."""

    message_id: int


type Entry = Start | Outcome


@dataclass(slots=True)
class Notes:
    """What a journal says: messages whose content was started, and the answers that came."""

    name: str
    same_boot: bool
    started: set[int] = field(default_factory=set)
    outcomes: dict[int, Outcome] = field(default_factory=dict)


def start(message_id: int) -> bytes:
    """Return a start as it stands in the file, with a checksum."""
    body = _HEAD.pack(message_id, _START, 0)
    return body + crc32(body).to_bytes(4)


def outcome(message_id: int, stage: int, at: float, reply: str) -> bytes:
    """Return an outcome as it stands in the file, with a checksum."""
    text = reply.encode()[:_MOST_TEXT]
    body = b"%b%b%b" % (_HEAD.pack(message_id, stage, _MOMENT.size + len(text)), _MOMENT.pack(at), text)
    return body + crc32(body).to_bytes(4)


def encode(entry: Entry) -> bytes:
    """Return an entry as it stands in the file."""
    return start(entry.message_id) if isinstance(entry, Start) else outcome(*entry)


def decode(data: bytes) -> Iterator[Entry]:
    """Give the entries; a torn or foreign end is left out, as its write never finished."""
    place = 0
    while place + _HEAD.size + 4 <= len(data):
        message_id, stage, length = _HEAD.unpack_from(data, place)
        end = place + _HEAD.size + length
        if end + 4 > len(data) or crc32(data[place:end]) != int.from_bytes(data[end : end + 4]):
            return
        if stage == _START:
            yield Start(message_id)
        else:
            text = data[place + _HEAD.size : end]
            (at,) = _MOMENT.unpack_from(text)
            yield Outcome(message_id, stage, at, text[8:].decode("utf-8", "ignore"))
        place = end + 4


class Journal:
    """The journal of this process, open for writing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = uuid4().hex
        self.pid = os.getpid()
        self._path = folder / f"{self.name}{SUFFIX}"
        # Locked before it has its name: a file that can be seen is locked or abandoned.
        temporary = folder / f"{self.name}.new"
        self._file = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._head = _MAGIC + boot_id() + b"\n"
        self._write(self._head)
        temporary.rename(self._path)

    def note(self, entries: Iterable[bytes]) -> None:
        """Write down what `start` and `outcome` made.  Raises OSError if the disk doesn't take it: then nothing may be sent."""
        data = b"".join(entries)
        if data:
            self._write(data)

    def forget(self) -> None:
        """Empty the journal: what it held is committed."""
        os.ftruncate(self._file, len(self._head))

    def close(self, *, keep: bool = False) -> None:
        """Let go of the file: `keep` leaves it for `settle_abandoned`, as if the process had died."""
        if not keep:
            self._path.unlink(missing_ok=True)
        os.close(self._file)

    def _write(self, data: bytes) -> None:
        written = os.write(self._file, data)
        if written != len(data):
            raise OSError(f"The journal took {written} of {len(data)} octets.")


@dataclass(slots=True)
class AbandonedJournal:
    """The journal of a dead process, locked by us while we settle it."""

    path: Path
    notes: Notes
    _file: int

    def remove(self) -> None:
        """Delete it: its batches are settled."""
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def abandoned(folder: Path) -> Iterator[AbandonedJournal]:
    """Give each journal in the folder whose process is dead, one at a time, locked against other settlers."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                continue
            journal = AbandonedJournal(path, read(path), file)
            if not path.exists():
                os.close(file)
                continue
            with journal:
                yield journal
    for path in folder.glob("*.new"):
        # Left by a process that died between two steps of `Journal`; it holds nothing.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > 3600:
                path.unlink()


def present(folder: Path) -> set[str]:
    """Return the names of all journals in the folder, of the living and the dead."""
    return {path.stem for path in folder.glob(f"*{SUFFIX}")}


def read(path: Path) -> Notes:
    """Return what a journal says; one whose head can't be read says nothing that can be trusted."""
    data = path.read_bytes()
    head, _, rest = data.removeprefix(_MAGIC).partition(b"\n")
    notes = Notes(path.stem, same_boot=data.startswith(_MAGIC) and head == boot_id())
    for entry in decode(rest):
        match entry:
            case Start(message_id):
                notes.started.add(message_id)
            case Outcome(message_id):
                notes.outcomes[message_id] = entry
    return notes


def boot_id() -> bytes:
    """Return what tells this run of the machine's kernel from all others; empty where the system has no such thing."""
    with contextlib.suppress(OSError):
        return _BOOT_ID.read_bytes().strip()
    return b""
