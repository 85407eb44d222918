"""One SMTP session as a state machine without sockets.

Bytes go in by `receive`, bytes to send come out by `output` and `sent`; what happened to which envelope comes out as events.
With PIPELINING the next envelope's MAIL, RCPT and DATA ride right behind the content of the last one (RFC 2920 allows no
content to follow content), so a message costs one round trip; without it each command waits for its reply.

At any moment at most one envelope has had content sent and no answer: only its fate can ever be in doubt.
"""

import base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import NamedTuple

from delivery.smtp.reply import ProtocolError, Reply, ReplyParser


class Security(StrEnum):
    """How the connection is protected; STARTTLS is required, never opportunistic."""

    STARTTLS = "starttls"
    TLS = "tls"
    PLAIN = "plain"


class Stage(StrEnum):
    """Where in the conversation something was said."""

    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    HELLO = "hello"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"


class Refusal(StrEnum):
    """Why an envelope can't go to this server at all."""

    TOO_LARGE = "too_large"
    NEEDS_SMTPUTF8 = "needs_smtputf8"


class Envelope(NamedTuple):
    """A message on its way: `content` is dot-stuffed, in CRLF lines, and ends with the line of one dot.

    Addresses are in wire form (domains as A-labels). `eight_bit` and `utf8` say what the content and addresses need.
    """

    id: int
    sender: str
    recipient: str
    content: bytes
    eight_bit: bool = False
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server offered in its answer to EHLO; `size` is in octets, 0: no limit known."""

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    size_declared: bool = False
    size: int = 0
    auth: frozenset[str] = frozenset()

    @classmethod
    def of(cls, hello: Reply) -> "Capabilities":
        """Read the keywords of an EHLO reply (RFC 5321 4.1.1.1)."""
        words: dict[str, list[str]] = {}
        for line in hello.lines[1:]:
            keyword, *parameters = line.replace("=", " ").upper().split() or [""]
            words.setdefault(keyword, []).extend(parameters)
        size = words.get("SIZE", [])
        return cls(
            pipelining="PIPELINING" in words,
            eight_bit="8BITMIME" in words,
            smtputf8="SMTPUTF8" in words,
            starttls="STARTTLS" in words,
            size_declared="SIZE" in words,
            size=int(size[0]) if size and size[0].isdigit() else 0,
            auth=frozenset(words.get("AUTH", [])),
        )


class Failure(NamedTuple):
    """The session can't be used: at which stage, what the server said (if it said anything) and what that means."""

    stage: Stage
    message: str
    reply: Reply | None = None


class Started(NamedTuple):
    """The content of an envelope is about to be sent."""

    id: int


class Answered(NamedTuple):
    """The server's answer that decides an envelope: to its content, or the refusal of MAIL, RCPT or DATA."""

    id: int
    stage: Stage
    reply: Reply


class Refused(NamedTuple):
    """The envelope was not offered to the server, which said in advance that it can't take it."""

    id: int
    refusal: Refusal


class Lost(NamedTuple):
    """All content was sent, and the connection broke before the answer: the server may have it or not."""

    id: int
    message: str


class Broken(NamedTuple):
    """The connection broke before all content was sent: the server can't have taken it."""

    id: int
    message: str


class Unsent(NamedTuple):
    """Nothing of the content was sent, through no fault of the envelope."""

    envelope: Envelope


type Event = Started | Answered | Refused | Lost | Broken | Unsent


class Phase(Enum):
    """The session's phases, in order."""

    GREETING = 1
    HELLO = 2
    STARTTLS = 3
    TLS = 4
    AUTH = 5
    READY = 6
    QUITTING = 7
    CLOSED = 8


class _Step(Enum):
    MAIL = Stage.MAIL
    RCPT = Stage.RCPT
    DATA = Stage.DATA
    CONTENT = Stage.CONTENT
    RESET = "reset"
    # The end of an empty message, when a server says 354 though it refused the recipient (RFC 2920 3.1).
    EMPTY = "empty"


@dataclass(slots=True)
class _Transaction:
    envelope: Envelope
    refusal: tuple[Stage, Reply] | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login; never shown in a repr."""

    username: str
    password: str = field(repr=False)


type Pull = Callable[[Capabilities], Envelope | None]


class Session:
    """See the module's docstring.  `pull` is asked for the next envelope whenever one can be sent; None: none now."""

    def __init__(
        self, *, hostname: str, security: Security, credentials: Credentials | None = None, encrypted: bool = False
    ) -> None:
        self.phase = Phase.GREETING
        self.capabilities = Capabilities()
        self.failure: Failure | None = None
        self.answered = 0
        self.output = bytearray()
        self._hostname = hostname
        self._security = security
        self._credentials = credentials
        self._encrypted = encrypted
        self._parser = ReplyParser()
        self._login: deque[bytes] = deque()
        self._extended = True
        self._expected: deque[tuple[_Step, _Transaction | None]] = deque()
        self._transactions = 0
        self._needs_reset = False
        self._unsent_content = 0
        self._pull: Pull = lambda _: None

    # What the driver asks.

    @property
    def is_idle(self) -> bool:
        """Ready, with nothing on its way."""
        return self.phase is Phase.READY and not self._expected

    @property
    def is_open(self) -> bool:
        """Whether the session can still be used or become usable."""
        return self.phase not in (Phase.QUITTING, Phase.CLOSED)

    @property
    def awaited(self) -> Stage:
        """What the server owes us now (decides how long to wait for it)."""
        match self.phase:
            case Phase.GREETING:
                return Stage.GREETING
            case Phase.READY if self._expected:
                value = self._expected[0][0].value
                return value if isinstance(value, Stage) else Stage.MAIL
            case Phase.STARTTLS:
                return Stage.STARTTLS
            case Phase.TLS:
                return Stage.TLS
            case Phase.AUTH:
                return Stage.AUTH
            case _:
                return Stage.HELLO

    def sent(self, count: int) -> None:
        """Note that the first `count` octets of `output` were given to the network."""
        del self.output[:count]
        self._unsent_content -= count

    def use(self, pull: Pull) -> None:
        """Take envelopes from here from now on."""
        self._pull = pull

    # What the driver tells.

    def begin(self) -> list[Event]:
        """Start with the next envelope, if the session is idle and there is one."""
        events: list[Event] = []
        if self.is_idle:
            self._next(events)
        return events

    def receive(self, data: bytes) -> list[Event]:
        """Take what the server sent; the events of an envelope whose content is now in `output` come before it is sent."""
        events: list[Event] = []
        try:
            for reply in self._parser.feed(data):
                self._take(reply, events)
                if self.phase is Phase.CLOSED:
                    break
            if self.phase is Phase.TLS and not self._parser.is_empty:
                # What follows the answer to STARTTLS in plain text was put there by someone else.
                raise ProtocolError("The server sent more before the TLS handshake.")
        except ProtocolError as error:
            self.fail(Failure(self.awaited, str(error)), events)
        return events

    def tls_established(self) -> None:
        """Go on after the TLS handshake that phase TLS asks for: everything learnt before it is forgotten (RFC 3207 4.2)."""
        self._encrypted = True
        self.capabilities = Capabilities()
        self._hello()

    def quit(self) -> None:
        """Say goodbye, if nothing is on its way."""
        if self.is_idle:
            self.output += b"QUIT\r\n"
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
        for step, transaction in self._expected:
            if transaction is None:
                continue
            if step is _Step.CONTENT:
                fate = Lost if self._unsent_content <= 0 else Broken
                events.append(fate(transaction.envelope.id, failure.message))
            elif step is _Step.DATA:
                if transaction.refusal:
                    events.append(Answered(transaction.envelope.id, *transaction.refusal))
                else:
                    events.append(Unsent(transaction.envelope))
            elif not self.capabilities.pipelining:
                events.append(Unsent(transaction.envelope))
        self._expected.clear()
        self.output.clear()

    # Replies.

    def _take(self, reply: Reply, events: list[Event]) -> None:
        if self.phase is Phase.READY:
            if self._expected:
                self._take_transaction(reply, events)
            elif reply.code == 421:
                self.fail(Failure(Stage.MAIL, str(reply), reply), events)
            else:
                raise ProtocolError(f"The server answered what nobody asked: {reply}")
            return
        match self.phase:
            case Phase.GREETING:
                self._take_greeting(reply, events)
            case Phase.HELLO:
                self._take_hello(reply, events)
            case Phase.STARTTLS:
                if reply.code == 220:
                    self.phase = Phase.TLS
                else:
                    self.fail(Failure(Stage.STARTTLS, f"The server refused STARTTLS: {reply}", reply), events)
            case Phase.AUTH:
                self._take_auth(reply, events)
            case Phase.TLS:
                raise ProtocolError("The server sent more before the TLS handshake.")
            case _:
                self.phase = Phase.CLOSED

    def _take_greeting(self, reply: Reply, events: list[Event]) -> None:
        if reply.code == 220:
            self._hello()
        else:
            self.fail(Failure(Stage.GREETING, f"The server takes no mail now: {reply}", reply), events)

    def _hello(self) -> None:
        self.phase = Phase.HELLO
        self._extended = True
        self.output += b"EHLO %s\r\n" % self._hostname.encode("ascii")

    def _take_hello(self, reply: Reply, events: list[Event]) -> None:
        if reply.code == 250:
            self.capabilities = Capabilities.of(reply) if self._extended else Capabilities()
            self._after_hello(events)
        elif self._extended and 500 <= reply.code < 505:
            # A server from before ESMTP (RFC 5321 3.2).
            self._extended = False
            self.output += b"HELO %s\r\n" % self._hostname.encode("ascii")
        else:
            self.fail(Failure(Stage.HELLO, f"The server refused the greeting: {reply}", reply), events)

    def _after_hello(self, events: list[Event]) -> None:
        if self._security is Security.STARTTLS and not self._encrypted:
            if self.capabilities.starttls:
                self.phase = Phase.STARTTLS
                self.output += b"STARTTLS\r\n"
            else:
                self.fail(Failure(Stage.STARTTLS, "The server doesn't offer STARTTLS."), events)
        elif self._credentials is not None:
            self._authenticate(self._credentials, events)
        else:
            self._ready(events)

    def _authenticate(self, credentials: Credentials, events: list[Event]) -> None:
        username, password = credentials.username.encode(), credentials.password.encode()
        if "PLAIN" in self.capabilities.auth:
            self.output += b"AUTH PLAIN %s\r\n" % base64.b64encode(b"\0%s\0%s" % (username, password))
        elif "LOGIN" in self.capabilities.auth:
            self.output += b"AUTH LOGIN\r\n"
            self._login = deque(base64.b64encode(part) for part in (username, password))
        else:
            offered = ", ".join(sorted(self.capabilities.auth)) or "no login at all"
            message = f"The server offers no login that Drumbeat knows (PLAIN or LOGIN), but {offered}."
            self.fail(Failure(Stage.AUTH, message), events)
            return
        self.phase = Phase.AUTH

    def _take_auth(self, reply: Reply, events: list[Event]) -> None:
        if reply.code == 235:
            self._ready(events)
        elif reply.code == 334 and self._login:
            self.output += self._login.popleft() + b"\r\n"
        else:
            self.fail(Failure(Stage.AUTH, f"The server refused the login: {reply}", reply), events)

    def _ready(self, events: list[Event]) -> None:
        self.phase = Phase.READY
        self._next(events)

    # Transactions.

    def _next(self, events: list[Event]) -> None:
        """Put the next envelope's commands into the output."""
        while (envelope := self._pull(self.capabilities)) is not None:
            refusal = self._refusal(envelope)
            if refusal is None:
                self._offer(_Transaction(envelope))
                return
            events.append(Refused(envelope.id, refusal))

    def _refusal(self, envelope: Envelope) -> Refusal | None:
        if envelope.utf8 and not self.capabilities.smtputf8:
            return Refusal.NEEDS_SMTPUTF8
        if 0 < self.capabilities.size < len(envelope.content):
            return Refusal.TOO_LARGE
        return None

    def _offer(self, transaction: _Transaction) -> None:
        if self._needs_reset:
            self._needs_reset = False
            self.output += b"RSET\r\n"
            self._expected.append((_Step.RESET, transaction if not self.capabilities.pipelining else None))
            if not self.capabilities.pipelining:
                return
        self._mail(transaction)
        if self.capabilities.pipelining:
            self._rcpt(transaction)
            self._data(transaction)

    def _mail(self, transaction: _Transaction) -> None:
        envelope, offered = transaction.envelope, self.capabilities
        parameters = f" SIZE={len(envelope.content)}" if offered.size_declared else ""
        if envelope.eight_bit and offered.eight_bit:
            parameters += " BODY=8BITMIME"
        if envelope.utf8:
            parameters += " SMTPUTF8"
        self.output += f"MAIL FROM:<{envelope.sender}>{parameters}\r\n".encode()
        self._expected.append((_Step.MAIL, transaction))

    def _rcpt(self, transaction: _Transaction) -> None:
        self.output += f"RCPT TO:<{transaction.envelope.recipient}>\r\n".encode()
        self._expected.append((_Step.RCPT, transaction))

    def _data(self, transaction: _Transaction) -> None:
        self.output += b"DATA\r\n"
        self._expected.append((_Step.DATA, transaction))

    def _take_transaction(self, reply: Reply, events: list[Event]) -> None:
        step, transaction = self._expected.popleft()
        if reply.code == 421:
            self._take_farewell(step, transaction, reply, events)
            return
        match step:
            case _Step.MAIL | _Step.RCPT if transaction is not None:
                self._take_address(step, transaction, reply, events)
            case _Step.DATA if transaction is not None:
                self._take_data(transaction, reply, events)
            case _Step.CONTENT if transaction is not None:
                self.answered += 1
                events.append(Answered(transaction.envelope.id, Stage.CONTENT, reply))
                if not self._expected:
                    self._next(events)
            case _Step.RESET:
                if transaction is not None:
                    self._mail(transaction)
            case _:
                self._next(events)

    def _take_address(self, step: _Step, transaction: _Transaction, reply: Reply, events: list[Event]) -> None:
        if not reply.is_positive and transaction.refusal is None:
            transaction.refusal = (Stage(step.value), reply)
        if self.capabilities.pipelining:
            return
        if transaction.refusal is not None:
            self._decline(transaction, *transaction.refusal, events)
        elif step is _Step.MAIL:
            self._rcpt(transaction)
        else:
            self._data(transaction)

    def _take_data(self, transaction: _Transaction, reply: Reply, events: list[Event]) -> None:
        if reply.code != 354:
            self._decline(transaction, *(transaction.refusal or (Stage.DATA, reply)), events)
            return
        if transaction.refusal is not None:
            events.append(Answered(transaction.envelope.id, *transaction.refusal))
            self.answered += 1
            self.output += b".\r\n"
            self._expected.append((_Step.EMPTY, None))
            return
        envelope = transaction.envelope
        events.append(Started(envelope.id))
        self.output += envelope.content
        self._unsent_content = len(self.output)
        self._expected.append((_Step.CONTENT, transaction))
        if self.capabilities.pipelining:
            self._next(events)

    def _decline(self, transaction: _Transaction, stage: Stage, reply: Reply, events: list[Event]) -> None:
        events.append(Answered(transaction.envelope.id, stage, reply))
        self.answered += 1
        self._needs_reset = True
        self._next(events)

    def _take_farewell(self, step: _Step, transaction: _Transaction | None, reply: Reply, events: list[Event]) -> None:
        """421: the server closes (RFC 5321 3.8).  Said to MAIL it is about the connection, later about the message."""
        stage = Stage(step.value) if isinstance(step.value, Stage) else Stage.MAIL
        if transaction is not None:
            self._expected = deque(pair for pair in self._expected if pair[1] is not transaction)
            if stage is Stage.MAIL:
                events.append(Unsent(transaction.envelope))
            else:
                events.append(Answered(transaction.envelope.id, *(transaction.refusal or (stage, reply))))
        self.fail(Failure(stage, str(reply), reply), events)
