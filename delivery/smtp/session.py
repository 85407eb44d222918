"""One SMTP session as a state machine without sockets.

Bytes go in by `receive`, bytes to send come out by `output` and `sent`; what happened to which envelope comes out as events.
"""

from delivery.smtp.authentication import Credentials
from delivery.smtp.capabilities import Capabilities
from delivery.smtp.envelope import Envelope, Stage
from delivery.smtp.events import Event, Failure
from delivery.smtp.exchange import Exchange, Pull
from delivery.smtp.opening import Opening, OpeningError, Phase, Security
from delivery.smtp.reply import ProtocolError, Reply, ReplyParser

# Looked up several times a message, and an enum's member is found slowly.
_READY, _CLOSED, _QUITTING = Phase.READY, Phase.CLOSED, Phase.QUITTING


def _no_envelope(_: Capabilities) -> Envelope | None:
    return None


class Session:
    """See the module's docstring.  `pull` is asked for the next envelope whenever one can be sent; None: none now."""

    def __init__(
        self, *, hostname: str, security: Security, credentials: Credentials | None = None, encrypted: bool = False
    ) -> None:
        self.phase = Phase.GREETING
        self.failure: Failure | None = None
        # Counts complete replies, so that a server that drips single octets is seen to say nothing.
        self.replies = 0
        self._opening = Opening(hostname=hostname, security=security, credentials=credentials, encrypted=encrypted)
        self._exchange = Exchange(Capabilities())
        self._parser = ReplyParser()
        self._pull: Pull = _no_envelope

    # What the driver asks.

    @property
    def capabilities(self) -> Capabilities:
        """What the server offers, as far as it is known."""
        return self._opening.capabilities

    @property
    def answered(self) -> int:
        """How many envelopes the server has answered."""
        return self._exchange.answered

    @property
    def output(self) -> bytearray:
        """What is to be sent."""
        return self._exchange.output

    @property
    def is_idle(self) -> bool:
        """Ready, with nothing on its way."""
        return self.phase is _READY and self._exchange.is_idle

    @property
    def is_open(self) -> bool:
        """Whether the session can still be used or become usable."""
        phase = self.phase
        return phase is not _CLOSED and phase is not _QUITTING

    @property
    def awaited(self) -> Stage:
        """What the server owes us now (decides how long to wait for it)."""
        return self._exchange.stage if self.phase is _READY else self._opening.stage

    def sent(self, count: int) -> None:
        """Note that the first `count` octets of `output` were given to the network."""
        self._exchange.sent(count)

    def use(self, pull: Pull) -> None:
        """Take envelopes from here from now on."""
        self._pull = pull

    # What the driver tells.

    def begin(self) -> list[Event]:
        """Start with the next envelope, if the session is idle and there is one."""
        events: list[Event] = []
        if self.is_idle:
            self._exchange.offer_next(self._pull, events)
        return events

    def receive(self, data: bytes) -> list[Event]:
        """Take what the server sent; the events of an envelope whose content is now in `output` come before it is sent."""
        events: list[Event] = []
        if self.phase is _READY and self._parser.is_empty and self._exchange.take_all_well(data, self._pull, events):
            self.replies += 1
            return events
        try:
            for reply in self._parser.feed(data):
                self.replies += 1
                self._take(reply, events)
                if self.phase is Phase.CLOSED:
                    break
            if self.phase is Phase.TLS and not self._parser.is_empty:
                # What follows the answer to STARTTLS in plain text was put there by someone else.
                raise ProtocolError("The server sent more before the TLS handshake.")
        except ProtocolError as error:
            self.fail(Failure(self.awaited, str(error)), events)
        except OpeningError as error:
            self.fail(error.failure, events)
        return events

    def tls_established(self) -> None:
        """Go on after the TLS handshake that phase TLS asks for."""
        self._exchange.output += self._opening.encrypted()
        self.phase = self._opening.phase

    def quit(self) -> None:
        """Say goodbye, if nothing is on its way."""
        if self.is_idle:
            self._exchange.output += b"QUIT\r\n"
            self.phase = Phase.QUITTING

    def end(self, message: str) -> list[Event]:
        """The connection is gone: return what that means for every envelope that was on its way."""
        events: list[Event] = []
        if self.phase is Phase.QUITTING:
            self.phase = Phase.CLOSED
        else:
            self.fail(Failure(self.awaited, message), events)
        return events

    def fail(self, failure: Failure, events: list[Event]) -> None:
        """Close the session and settle every envelope that was on its way."""
        if self.phase is Phase.CLOSED:
            return
        self.phase = Phase.CLOSED
        self.failure = failure
        self._exchange.end(failure.message, events)

    def _take(self, reply: Reply, events: list[Event]) -> None:
        if self.phase is Phase.READY:
            farewell = self._exchange.take(reply, self._pull, events)
            if farewell is not None:
                self.fail(farewell.failure, events)
        elif self.phase is Phase.QUITTING:
            self.phase = Phase.CLOSED
        elif self._exchange.output:
            raise ProtocolError(f"The server answered before it was asked: {reply}")
        else:
            self._exchange.output += self._opening.take(reply)
            self.phase = self._opening.phase
            if self.phase is Phase.READY:
                self._exchange = Exchange(self._opening.capabilities)
                self._exchange.offer_next(self._pull, events)
