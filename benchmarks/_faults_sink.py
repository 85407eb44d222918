"""The receiving server of the proof of faults: slow, pipelining, and a process of its own, so that it can be killed.

    python -m benchmarks._faults_sink PORT FOLDER

Everything it does is noted in `FOLDER/sink.log` by one `write` before it is said, so that a SIGKILL loses no line. A line is
a letter, the connection, the recipient and the time: O content was asked for, T it was taken, R that was answered, X the
recipient was refused, C the connection has ended. `FOLDER/pause` holds the seconds from taking a message to its answer.
SIGUSR1 cuts off all connections. Recipients whose number ends in 999 don't exist.
"""

import asyncio
import os
import re
import signal
import sys
import time
from pathlib import Path

_RECIPIENT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)
_UNKNOWN = re.compile(r"999@")
_PAUSE_READ_EVERY = 0.05


class Sink:
    """One run of the server."""

    def __init__(self, folder: Path) -> None:
        self._pause_file = folder / "pause"
        self._log = os.open(folder / "sink.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.run = os.getpid()
        self.pause = 0.0
        self.connections: set[_Connection] = set()
        self._made = 0

    def note(self, letter: str, connection: str, recipient: str = "-") -> None:
        """Write a line; the page cache keeps it whatever becomes of this process."""
        os.write(self._log, f"{letter} {connection} {recipient} {time.time():.6f}\n".encode())

    def new_connection(self) -> "_Connection":
        """Return the protocol for a connection that was made."""
        self._made += 1
        return _Connection(self, f"{self.run}.{self._made}")

    def cut_off(self) -> None:
        """End all connections without a word."""
        for connection in list(self.connections):
            connection.transport.abort()

    async def read_pause(self) -> None:
        """Look again and again how slow to be."""
        while True:
            try:
                self.pause = float(self._pause_file.read_text() or 0)
            except (OSError, ValueError):
                self.pause = 0.0
            await asyncio.sleep(_PAUSE_READ_EVERY)


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, sink: Sink, name: str) -> None:
        self._sink = sink
        self._name = name
        self._buffer = b""
        self._recipient = ""
        self._refused = self._in_content = self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._sink.connections.add(self)
        self._say("220 sink.example ESMTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self._sink.connections.discard(self)
        self._sink.note("C", self._name)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _say(self, line: str) -> None:
        self.transport.write(f"{line}\r\n".encode())

    def _go_on(self) -> None:
        while not self._waiting:
            part, found, rest = self._buffer.partition(b"\r\n.\r\n" if self._in_content else b"\r\n")
            if not found:
                return
            self._buffer = rest
            if self._in_content:
                self._in_content = False
                self._sink.note("T", self._name, self._recipient)
                self._waiting = True
                asyncio.get_running_loop().call_later(self._sink.pause, self._answer)
            else:
                self._obey(part)

    def _answer(self) -> None:
        self._waiting = False
        if self.transport.is_closing():
            return
        self._sink.note("R", self._name, self._recipient)
        self._say("250 2.0.0 taken")
        self._go_on()

    def _obey(self, line: bytes) -> None:
        match line[:4].upper():
            case b"EHLO":
                self._say("250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000")
            case b"RCPT":
                found = _RECIPIENT.match(line)
                self._recipient = found[1].decode() if found else ""
                self._refused = bool(_UNKNOWN.search(self._recipient))
                if self._refused:
                    self._sink.note("X", self._name, self._recipient)
                self._say("550 5.1.1 no such user" if self._refused else "250 2.1.5 ok")
            case b"DATA" if self._refused:
                self._say("554 5.5.1 no valid recipients")
            case b"DATA":
                self._in_content = True
                self._sink.note("O", self._name, self._recipient)
                self._say("354 go on")
            case b"QUIT":
                self._say("221 2.0.0 bye")
                self.transport.close()
            case _:
                self._say("250 2.0.0 ok")


async def serve(port: int, folder: Path) -> None:
    """Serve until killed."""
    sink = Sink(folder)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, sink.cut_off)
    server = await loop.create_server(sink.new_connection, "127.0.0.1", port)
    async with server, asyncio.TaskGroup() as tasks:
        tasks.create_task(sink.read_pause())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
