"""A socket and the session on it, never blocking."""

import os
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from delivery.smtp.envelope import Stage
from delivery.smtp.events import Event, Failure
from delivery.smtp.opening import Phase, Security
from delivery.smtp.server import Server
from delivery.smtp.session import Session

_CHUNK = 65536
# The network took so much: the server isn't asleep.
STRIDE = 16384
_EVENT_WRITE = selectors.EVENT_WRITE
_READ_AND_WRITE = selectors.EVENT_READ | selectors.EVENT_WRITE

# A socket family and an address of it, as `socket.connect` takes it.
type Address = tuple[int, tuple[Any, ...]]


class Connection:
    """A socket and its session.

    `ready` and `write` return what happened to envelopes; the caller sees to it that the events of `ready` are written down
    before it calls `write`, which sends what follows from them.
    """

    def __init__(self, server: Server, addresses: Sequence[Address], selector: selectors.BaseSelector) -> None:
        self.session = Session(
            hostname=server.hostname,
            security=server.security,
            credentials=server.credentials,
            encrypted=server.security is Security.TLS,
        )
        self.deadline = float("inf")
        # Until the session was ready once.
        self.is_new = True
        self._server = server
        self._addresses = deque(addresses)
        self._selector = selector
        self._socket: socket.socket | None = None
        self._mask = 0
        self._handler: Callable[[], list[Event]] = self._read
        self._talks = False
        self._heard = 0
        self._taken = 0
        self._waiting_for = "to connect"

    def connect(self) -> list[Event]:
        """Try the server's next address."""
        family, address = self._addresses.popleft()
        self.deadline = time.monotonic() + self._server.patience.connect
        self._handler = self._connected
        try:
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.connect(address)
        except BlockingIOError:
            pass
        except OSError as error:
            return self._unreachable(error)
        self._register(selectors.EVENT_WRITE)
        return []

    def ready(self, mask: int) -> list[Event]:
        """Go on where the socket was waited for."""
        if self._socket is None or (self._talks and mask == _EVENT_WRITE):
            return []
        return self._handler()

    def write(self) -> list[Event]:
        """Send as much of the session's output as the network takes now."""
        session, connected = self.session, self._socket
        if connected is None or not self._talks:
            return []
        progress = session.replies != self._heard
        self._heard = session.replies
        try:
            while output := session.output:
                count = connected.send(output)
                session.sent(count)
                self._taken += count
                if self._taken >= STRIDE or not session.output:
                    self._taken, progress = 0, True
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            return self._hear_last_words(f"The connection broke: {explain(error)}")
        if progress:
            self._be_patient()
        mask = _READ_AND_WRITE if session.output else selectors.EVENT_READ
        if mask != self._mask:
            self._register(mask)
        return []

    def give_up(self) -> list[Event]:
        """End the session of a server that has not done in time what it owes."""
        silent = (
            "The server fell silent." if self._talks else f"The server did not answer in time ({self._waiting_for})."
        )
        return self.session.end(silent)

    def say_goodbye(self) -> None:
        """Send QUIT if that is possible at once; its answer is of no interest."""
        self.session.quit()
        if self._socket is not None and self.session.output:
            try:
                self._socket.send(self.session.output)
            except OSError:
                return

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            if self._mask:
                self._selector.unregister(self._socket)
                self._mask = 0
            self._socket.close()
            self._socket = None

    def _register(self, mask: int) -> None:
        if self._socket is None or mask == self._mask:
            return
        if self._mask:
            self._selector.modify(self._socket, mask, self)
        else:
            self._selector.register(self._socket, mask, self)
        self._mask = mask

    def _connected(self) -> list[Event]:
        if self._socket is None:
            return []
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            return self._unreachable(OSError(code, os.strerror(code)))
        if self._server.security is Security.TLS:
            return self._start_tls()
        self._converse()
        return []

    def _unreachable(self, error: OSError) -> list[Event]:
        self.close()
        if self._addresses:
            return self.connect()
        place = f"{self._server.host} port {self._server.port}"
        return self._fail(Failure(Stage.CONNECT, f"No connection to {place}: {explain(error)}"))

    def _fail(self, failure: Failure) -> list[Event]:
        events: list[Event] = []
        self.session.fail(failure, events)
        return events

    def _converse(self) -> None:
        self._handler, self._talks = self._read, True
        self._be_patient()
        self._register(selectors.EVENT_READ)

    def _be_patient(self) -> None:
        patience = self._server.patience
        wait = patience.transfer if self.session.output else patience.of(self.session.awaited)
        self.deadline = time.monotonic() + wait

    def _start_tls(self) -> list[Event]:
        if self._socket is None:
            return []
        if self._mask:
            self._selector.unregister(self._socket)
            self._mask = 0
        context = tls_context(verify=self._server.verify)
        try:
            self._socket = context.wrap_socket(
                self._socket, server_hostname=self._server.host, do_handshake_on_connect=False
            )
        except (OSError, ValueError) as error:
            return self._fail(Failure(Stage.TLS, f"No secure connection: {explain(error)}"))
        self._handler, self._talks = self._handshake, False
        self._waiting_for = "TLS handshake"
        self.deadline = time.monotonic() + self._server.patience.connect
        return self._handshake()

    def _handshake(self) -> list[Event]:
        if not isinstance(self._socket, ssl.SSLSocket):
            return []
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._register(selectors.EVENT_READ)
        except ssl.SSLWantWriteError:
            self._register(selectors.EVENT_WRITE)
        except (OSError, ValueError) as error:
            return self._fail(Failure(Stage.TLS, f"No secure connection: {explain(error)}"))
        else:
            self._converse()
            if self.session.phase is Phase.TLS:
                self.session.tls_established()
        return []

    def _read(self) -> list[Event]:
        events: list[Event] = []
        while self._socket is not None:
            try:
                data = self._socket.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except OSError as error:
                return events + self.session.end(f"The connection broke: {explain(error)}")
            if not data:
                return events + self.session.end("The server closed the connection.")
            events += self.session.receive(data)
            if not self.session.is_open:
                break
            if self.session.phase is Phase.TLS:
                return events + self._start_tls()
            # TLS may hold more than the socket shows: it is read until it has nothing left.
            if len(data) < _CHUNK and not isinstance(self._socket, ssl.SSLSocket):
                break
        return events

    def _hear_last_words(self, message: str) -> list[Event]:
        """Take what the server said before it closed: its reply may tell why."""
        events: list[Event] = []
        while self._socket is not None and self.session.is_open:
            try:
                data = self._socket.recv(_CHUNK)
            except OSError:
                break
            if not data:
                break
            events += self.session.receive(data)
        return events + self.session.end(message)


@cache
def tls_context(*, verify: bool) -> ssl.SSLContext:
    """Return a context for clients: TLS 1.2 or later; without `verify` any certificate is taken."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def explain(error: Exception) -> str:
    """Return what a person should read about an error of the network or of TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return error.reason.replace("_", " ").lower() if error.reason else str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
