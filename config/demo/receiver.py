"""An SMTP server for the demo's past: takes mail at full speed, keeps none, and refuses some as real ones do."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

END_OF_DATA = b"\r\n.\r\n"
RECIPIENT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)

Judge = Callable[[str], bytes]
"""Takes a recipient's address and returns the reply to RCPT TO."""


@contextmanager
def receiver(judge: Judge) -> Iterator[tuple[str, int]]:
    """Run the server in a thread for the length of the block and yield its host and port on loopback."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="demo receiver", daemon=True)
    thread.start()
    # The caller's thread may have a loop of its own, so this one runs in its own thread alone.
    starting = loop.create_server(lambda: _Session(judge), "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result()
    try:
        host, port = server.sockets[0].getsockname()[:2]
        yield host, port
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Session(asyncio.Protocol):
    """One connection: enough of RFC 5321 for a client that behaves, with PIPELINING (RFC 2920)."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._buffer = b""
        self._in_data = False
        self._accepted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 demo.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies: list[bytes] = []
        while True:
            end = END_OF_DATA if self._in_data else b"\r\n"
            unit, found, rest = self._buffer.partition(end)
            if not found:
                break
            self._buffer = rest
            if self._in_data:
                self._in_data = False
                replies.append(b"250 2.0.0 Ok: queued\r\n")
            else:
                replies.append(self._command(unit))
        self._transport.write(b"".join(replies))

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return b"250-demo.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"RCPT":
            match = RECIPIENT.match(line)
            reply = self._judge(match[1].decode("utf-8", "replace")) if match else b"501 5.1.3 Bad address syntax"
            self._accepted = reply.startswith(b"2")
            return reply + b"\r\n"
        if verb == b"DATA":
            if not self._accepted:
                return b"554 5.5.1 No valid recipients\r\n"
            self._in_data = True
            return b"354 End data with <CR><LF>.<CR><LF>\r\n"
        if verb == b"QUIT":
            return b"221 2.0.0 Bye\r\n"
        return b"250 2.0.0 Ok\r\n"
