"""A socket and the session on it, never blocking."""

import os
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from delivery.smtp.session import Credentials, Event, Failure, Phase, Security, Session, Stage

_CHUNK = 65536
_READ_AND_WRITE = selectors.EVENT_READ | selectors.EVENT_WRITE

# A socket family and an address of it, as `socket.connect` takes it.
type Address = tuple[int, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server may be silent, in seconds, by what it owes us.

    RFC 5321 4.5.3.2 suggests up to ten minutes; a worker that serves many mailboxes waits less, except for the answer to a
    message's content, where giving up early would leave the message's fate unknown.
    """

    connect: float = 15
    greeting: float = 60
    command: float = 60
    transfer: float = 60
    content: float = 300

    def of(self, stage: Stage) -> float:
        """Return the patience for an answer at this stage."""
        match stage:
            case Stage.CONNECT | Stage.TLS:
                return self.connect
            case Stage.GREETING:
                return self.greeting
            case Stage.CONTENT:
                return self.content
            case _:
                return self.command


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to connect; `hostname` is the name we give in EHLO."""

    host: str
    port: int
    security: Security = Security.STARTTLS
    verify: bool = True
    credentials: Credentials | None = None
    hostname: str = "localhost"
    patience: Patience = field(default_factory=Patience)


class Driver(Protocol):
    """Who owns connections: learns what happened on one, before anything that follows from it is written."""

    def handle(self, connection: "Connection", events: list[Event]) -> None:
        """Take events; write or drop the connection."""

    def lose(self, connection: "Connection", message: str) -> None:
        """The connection is gone."""


class Connection:
    """A socket and its session."""

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
        self._handler: Callable[[Driver], None] = self._read
        self._waiting_for = "to connect"

    def connect(self, driver: Driver) -> None:
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
            self._unreachable(error, driver)
            return
        self._register(selectors.EVENT_WRITE)

    def ready(self, mask: int, driver: Driver) -> None:
        """Go on where the socket was waited for."""
        if self._socket is None:
            return
        if self._handler == self._read and mask & selectors.EVENT_WRITE and not mask & selectors.EVENT_READ:
            self.write(driver)
            return
        self._handler(driver)

    def write(self, driver: Driver) -> None:
        """Send as much of the session's output as the network takes now."""
        session, connected = self.session, self._socket
        if connected is None or not session.output or self._handler != self._read:
            return
        before = len(session.output)
        try:
            while session.output:
                session.sent(connected.send(session.output))
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            driver.lose(self, f"The connection broke: {explain(error)}")
            return
        if len(session.output) < before:
            self._be_patient()
        self._register(_READ_AND_WRITE if session.output else selectors.EVENT_READ)

    def overdue(self) -> str:
        """Say what the server has not done in time."""
        if self._handler != self._read:
            return f"The server did not answer in time ({self._waiting_for})."
        return "The server fell silent."

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

    def _connected(self, driver: Driver) -> None:
        if self._socket is None:
            return
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._unreachable(OSError(code, os.strerror(code)), driver)
        elif self._server.security is Security.TLS:
            self._start_tls(driver)
        else:
            self._converse()

    def _unreachable(self, error: OSError, driver: Driver) -> None:
        self.close()
        if self._addresses:
            self.connect(driver)
            return
        place = f"{self._server.host} port {self._server.port}"
        events: list[Event] = []
        self.session.fail(Failure(Stage.CONNECT, f"No connection to {place}: {explain(error)}"), events)
        driver.handle(self, events)

    def _converse(self) -> None:
        self._handler = self._read
        self._be_patient()
        self._register(selectors.EVENT_READ)

    def _be_patient(self) -> None:
        patience = self._server.patience
        wait = patience.transfer if self.session.output else patience.of(self.session.awaited)
        self.deadline = time.monotonic() + wait

    def _start_tls(self, driver: Driver) -> None:
        if self._socket is None:
            return
        self._selector.unregister(self._socket)
        self._mask = 0
        context = tls_context(verify=self._server.verify)
        self._socket = context.wrap_socket(
            self._socket, server_hostname=self._server.host, do_handshake_on_connect=False
        )
        self._handler = self._handshake
        self._waiting_for = "TLS handshake"
        self.deadline = time.monotonic() + self._server.patience.connect
        self._handshake(driver)

    def _handshake(self, driver: Driver) -> None:
        if not isinstance(self._socket, ssl.SSLSocket):
            return
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._register(selectors.EVENT_READ)
        except ssl.SSLWantWriteError:
            self._register(selectors.EVENT_WRITE)
        except (OSError, ValueError) as error:
            events: list[Event] = []
            self.session.fail(Failure(Stage.TLS, f"No secure connection: {explain(error)}"), events)
            driver.handle(self, events)
        else:
            self._converse()
            if self.session.phase is Phase.TLS:
                self.session.tls_established()
                self.write(driver)

    def _read(self, driver: Driver) -> None:
        # TLS may hold more than the socket shows: read until it has nothing left.
        while self._socket is not None and self._handler == self._read:
            try:
                data = self._socket.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                driver.lose(self, f"The connection broke: {explain(error)}")
                return
            if not data:
                driver.lose(self, "The server closed the connection.")
                return
            events = self.session.receive(data)
            self._be_patient()
            driver.handle(self, events)
            if self.session.phase is Phase.TLS and self._socket is not None:
                self._start_tls(driver)
            if len(data) < _CHUNK and not isinstance(self._socket, ssl.SSLSocket):
                return


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
