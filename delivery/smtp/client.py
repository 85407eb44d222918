"""Several connections to one SMTP server, driven by one thread without blocking on any of them."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence

from delivery.smtp.connection import Address, Connection, Server, explain
from delivery.smtp.session import Broken, Capabilities, Envelope, Event, Failure, Phase, Pull, Stage, Unsent

# A server that drops us this often in a row without answering a single envelope is taken for broken.
_DROPS_IN_A_ROW = 3
# An envelope before which connections break this often is not offered again in this delivery.
_OFFERS_OF_ONE = 3
# Fewer envelopes than this are not worth one more connection.
_WORTH_A_CONNECTION = 5

type Observe = Callable[[list[Event]], None]


def _nothing() -> None:
    return None


class Client:
    """Delivers envelopes to one server over at most `connections` connections, which stay open between deliveries.

    Not thread-safe: one client belongs to one worker. After an exception from `pull`, `observe` or `tick` it must be closed.
    """

    def __init__(self, server: Server, *, connections: int = 4) -> None:
        self.server = server
        self._most = max(connections, 1)
        self._connections: list[Connection] = []
        self._selector = selectors.DefaultSelector()
        self._addresses: Sequence[Address] = ()
        # Of the delivery under way.
        self._source: Pull = lambda _: None
        self._observe: Observe = lambda _: None
        self._exhausted = False
        self._wanted = 1
        self._drops = 0
        self._failure: Failure | None = None
        self._returned: deque[Envelope] = deque()
        self._offers: dict[int, int] = {}

    def deliver(
        self, pull: Pull, observe: Observe, *, expected: int, tick: Callable[[], None] = _nothing, every: float = 2
    ) -> Failure | None:
        """Send every envelope that `pull` gives until it gives None, and report each one's events to `observe`.

        `observe` gets the events of a read together, always before the content that they announce goes out: what it
        writes down then survives whatever happens next. `expected` (about how many envelopes) decides how many
        connections are worth opening. `tick` is called about every `every` seconds, also while the server is silent.

        Returns why the server could not be used (any more), or None; envelopes that were pulled and could not be offered
        because of that are reported as `Unsent`.
        """
        self._source, self._observe, self._exhausted = pull, observe, False
        self._wanted = min(self._most, max(1, expected // _WORTH_A_CONNECTION))
        self._drops, self._failure = 0, None
        self._offers.clear()
        for connection in list(self._connections):
            self.handle(connection, connection.session.begin())
        if not self._connections or (self._more_wanted() and len(self._connections) < self._wanted):
            self._open()
        self._loop(tick, every)
        returned, self._returned = list(self._returned), deque()
        if returned:
            observe([Unsent(envelope) for envelope in returned])
        return self._failure

    def probe(self) -> Failure | None:
        """Connect, secure and log in, and say what went wrong, if anything did."""
        return self.deliver(lambda _: None, lambda _: None, expected=1)

    @property
    def capabilities(self) -> Capabilities:
        """What the server offered on the first connection that is open; nothing if none is."""
        return self._connections[0].session.capabilities if self._connections else Capabilities()

    def close(self) -> None:
        """Say goodbye on idle connections and close all."""
        for connection in self._connections:
            connection.say_goodbye()
            connection.close()
        self._connections.clear()
        self._selector.close()

    def handle(self, connection: Connection, events: list[Event]) -> None:
        """Report events, keep what was not sent for another connection, then let the connection write."""
        reported = [event for event in events if type(event) is not Unsent]
        reported.extend(
            Broken(event.envelope.id, "The server kept closing the connection.")
            for event in events
            if type(event) is Unsent and not self._take_back(event.envelope)
        )
        if reported:
            self._observe(reported)
        if not connection.session.is_open:
            self._drop(connection)
            return
        if connection.session.answered:
            self._drops = 0
        connection.write(self)
        if connection.is_new and connection.session.phase is Phase.READY:
            connection.is_new = False
            while self._more_wanted() and len(self._connections) < self._wanted and self._failure is None:
                self._open()

    def lose(self, connection: Connection, message: str) -> None:
        """The connection is of no use any more."""
        self.handle(connection, connection.session.end(message))

    def _loop(self, tick: Callable[[], None], every: float) -> None:
        next_tick = time.monotonic() + every
        while busy := [connection for connection in self._connections if not connection.session.is_idle]:
            now = time.monotonic()
            if now >= next_tick:
                tick()
                next_tick = now + every
            until = min(next_tick, *(connection.deadline for connection in busy))
            for key, mask in self._selector.select(max(until - now, 0)):
                key.data.ready(mask, self)
            now = time.monotonic()
            for connection in busy:
                if connection.deadline <= now and not connection.session.is_idle and connection in self._connections:
                    self.lose(connection, connection.overdue())

    def _pull(self, capabilities: Capabilities) -> Envelope | None:
        """Give the next envelope, those first that came back from a broken connection."""
        if self._returned:
            return self._returned.popleft()
        if self._exhausted:
            return None
        envelope = self._source(capabilities)
        self._exhausted = envelope is None
        return envelope

    def _take_back(self, envelope: Envelope) -> bool:
        offers = self._offers[envelope.id] = self._offers.get(envelope.id, 0) + 1
        if offers < _OFFERS_OF_ONE:
            self._returned.append(envelope)
        return offers < _OFFERS_OF_ONE

    def _more_wanted(self) -> bool:
        return bool(self._returned) or not self._exhausted

    def _open(self) -> None:
        try:
            addresses = self._resolve()
        except (OSError, UnicodeError) as error:
            message = f"The name {self.server.host} can't be resolved: {explain(error)}"
            self._failure = Failure(Stage.CONNECT, message)
            return
        connection = Connection(self.server, addresses, self._selector)
        connection.session.use(self._pull)
        self._connections.append(connection)
        connection.connect(self)

    def _resolve(self) -> Sequence[Address]:
        if not self._addresses:
            found = socket.getaddrinfo(self.server.host, self.server.port, type=socket.SOCK_STREAM)
            self._addresses = [(family, address) for family, _, _, _, address in found]
        return self._addresses

    def _drop(self, connection: Connection) -> None:
        connection.close()
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        failure = connection.session.failure
        if failure is None:
            return
        if connection.is_new and self._connections:
            # The server takes fewer connections than we may open; those that we have go on.
            self._wanted = len(self._connections)
            return
        self._drops = 0 if connection.session.answered else self._drops + 1
        if connection.is_new or self._drops >= _DROPS_IN_A_ROW:
            if not self._connections:
                self._failure = failure
        elif self._more_wanted() and self._failure is None:
            self._open()
