"""Several connections to one SMTP server, driven by one thread without blocking on any of them."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from delivery.smtp.capabilities import Capabilities
from delivery.smtp.connection import Address, Connection, explain
from delivery.smtp.envelope import Envelope, Stage
from delivery.smtp.events import Broken, Event, Failure, Unsent
from delivery.smtp.exchange import Pull
from delivery.smtp.opening import Phase
from delivery.smtp.server import Server

# A server that drops us this often in a row without answering a single envelope is taken for broken.
_DROPS_IN_A_ROW = 3
# An envelope before which connections break this often is not offered again in this delivery.
_OFFERS_OF_ONE = 3
# Fewer envelopes than this are not worth one more connection.
_WORTH_A_CONNECTION = 5
# How often the connections' deadlines are looked at, in seconds.
_GLANCE = 0.25

_FOREVER = float("inf")

type Observe = Callable[[list[Event]], None]


def _nothing() -> None:
    return None


def _never() -> float:
    return 0.0


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
        self._opens_at: Callable[[], float] = _never
        self._exhausted = False
        # When `pull` gave nothing, but will (monotonic seconds); infinite while it isn't waited for.
        self._wait_until = _FOREVER
        self._wanted = 1
        self._drops = 0
        self._failure: Failure | None = None
        self._returned: deque[Envelope] = deque()
        self._offers: dict[int, int] = {}

    def deliver(
        self,
        pull: Pull,
        observe: Observe,
        *,
        expected: int,
        tick: Callable[[], None] = _nothing,
        every: float = 2,
        opens_at: Callable[[], float] = _never,
    ) -> Failure | None:
        """Send every envelope that `pull` gives until it gives None, and report each one's events to `observe`.

        `observe` gets the events of all that was read at once, always before the content that they announce goes out: what
        it writes down then survives whatever happens next. `expected` (about how many envelopes) decides how many
        connections are worth opening. `tick` is called about every `every` seconds, also while the server is silent.
        `opens_at` is asked when `pull` gave None: the moment (monotonic seconds) at which it will give more, 0 if never.

        Returns why the server could not be used (any more), or None; envelopes that were pulled and could not be offered
        because of that are reported as `Unsent`.
        """
        self._source, self._observe, self._opens_at = pull, observe, opens_at
        self._exhausted, self._wait_until = False, _FOREVER
        self._wanted = min(self._most, max(1, expected // _WORTH_A_CONNECTION))
        self._drops, self._failure = 0, None
        self._offers.clear()
        self._begin_idle()
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

    def _loop(self, tick: Callable[[], None], every: float) -> None:
        now = time.monotonic()
        next_tick, next_glance = now + every, now + _GLANCE
        while self._is_under_way():
            events: list[Event] = []
            touched: list[Connection] = []
            for key, mask in self._selector.select(max(min(next_tick, next_glance, self._wait_until) - now, 0)):
                connection: Connection = key.data
                events += connection.ready(mask)
                touched.append(connection)
            self._go_on(touched, events)
            now = time.monotonic()
            if now >= self._wait_until:
                self._wait_until = _FOREVER
                self._begin_idle()
            if now >= next_tick:
                tick()
                next_tick = now + every
            if now >= next_glance:
                self._give_up_overdue(now)
                next_glance = now + _GLANCE

    def _is_under_way(self) -> bool:
        for connection in self._connections:
            if not connection.session.is_idle:
                return True
        return self._wait_until < _FOREVER and bool(self._connections)

    def _go_on(self, touched: Iterable[Connection], events: list[Event]) -> None:
        """Report what was read, then write what follows from it; let go of connections that ended."""
        self._report(events)
        for connection in touched:
            late = connection.write()
            if late or not connection.session.is_open:
                self._report(late)
                self._drop(connection)
            elif connection.is_new and connection.session.phase is Phase.READY:
                connection.is_new = False
                while self._more_wanted() and len(self._connections) < self._wanted and self._failure is None:
                    self._open()
        if self._returned:
            self._begin_idle()

    def _begin_idle(self) -> None:
        """Let each connection that has nothing to do take an envelope, if there is one."""
        for connection in list(self._connections):
            if connection.session.is_idle:
                events = connection.session.begin()
                if events or not connection.session.is_idle:
                    self._go_on([connection], events)

    def _report(self, events: list[Event]) -> None:
        """Tell of the events; what was not sent is kept for another connection instead."""
        if Unsent in map(type, events):
            events = [
                Broken(event.envelope.id, "The server kept closing the connection.") if type(event) is Unsent else event
                for event in events
                if type(event) is not Unsent or not self._take_back(event.envelope)
            ]
        if events:
            self._observe(events)

    def _give_up_overdue(self, now: float) -> None:
        for connection in list(self._connections):
            if connection.deadline <= now and not connection.session.is_idle and connection in self._connections:
                self._go_on([connection], connection.give_up())

    def _pull(self, capabilities: Capabilities) -> Envelope | None:
        """Give the next envelope, those first that came back from a broken connection."""
        if self._returned:
            return self._returned.popleft()
        if self._exhausted:
            return None
        envelope = self._source(capabilities)
        if envelope is None:
            self._wait_until = self._opens_at() or _FOREVER
            self._exhausted = self._wait_until == _FOREVER
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
        events = connection.connect()
        if not connection.session.is_open:
            self._report(events)
            self._drop(connection)

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
