"""A receiver of mail that is fast, pipelines, notes what it took before it says so, and can be slowed down."""

import asyncio
import contextlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_RECIPIENT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)


@dataclass
class Receiver:
    """`taken` counts accepted messages by recipient; `pause` is the time before each answer to content, in seconds.

    `note` is told of each message, recipient and content, before it is answered.
    """

    port: int = 0
    pause: float = 0.0
    taken: Counter[str] = field(default_factory=Counter)
    contents: dict[str, bytes] = field(default_factory=dict)
    keep_contents: bool = False
    note: Callable[[str, bytes], None] | None = None

    @property
    def count(self) -> int:
        return self.taken.total()


class _Session(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.buffer = b""
        self.recipient = ""
        self.in_content = False
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.say(b"220 receiver.example ESMTP\r\n")

    def say(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.go_on()

    def go_on(self) -> None:
        while not self.waiting:
            end = b"\r\n.\r\n" if self.in_content else b"\r\n"
            part, found, rest = self.buffer.partition(end)
            if not found:
                return
            self.buffer = rest
            if self.in_content:
                self.take(part)
            else:
                self.obey(part)

    def take(self, content: bytes) -> None:
        self.in_content = False
        self.receiver.taken[self.recipient] += 1
        if self.receiver.keep_contents:
            self.receiver.contents[self.recipient] = content.replace(b"\r\n..", b"\r\n.")
        if self.receiver.note:
            self.receiver.note(self.recipient, content)
        if self.receiver.pause:
            self.waiting = True
            asyncio.get_running_loop().call_later(self.receiver.pause, self.answer)
        else:
            self.say(b"250 2.0.0 taken\r\n")

    def answer(self) -> None:
        self.waiting = False
        self.say(b"250 2.0.0 taken\r\n")
        self.go_on()

    def obey(self, line: bytes) -> None:
        word = line[:4].upper()
        if word == b"EHLO":
            self.say(b"250-receiver.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n")
        elif word == b"RCPT":
            match = _RECIPIENT.match(line)
            self.recipient = match[1].decode() if match else ""
            self.say(b"250 2.1.5 ok\r\n")
        elif word == b"DATA":
            self.in_content = True
            self.say(b"354 go\r\n")
        elif word == b"QUIT":
            self.say(b"221 bye\r\n")
            self.transport.close()
        else:
            self.say(b"250 ok\r\n")


@contextlib.contextmanager
def receiving(**options) -> Iterator[Receiver]:
    """Run a receiver on loopback in a thread of its own."""
    receiver = Receiver(**options)
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> None:
        server = await loop.create_server(lambda: _Session(receiver), "127.0.0.1", 0)
        receiver.port = server.sockets[0].getsockname()[1]
        started.set()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait(5)
    yield receiver
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
