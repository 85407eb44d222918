"""From the server's greeting to the moment at which mail can be sent: EHLO, STARTTLS, AUTH."""

from enum import Enum, StrEnum

from delivery.smtp.authentication import Credentials, Login, LoginError
from delivery.smtp.capabilities import Capabilities
from delivery.smtp.envelope import Stage
from delivery.smtp.events import Failure
from delivery.smtp.reply import ProtocolError, Reply


class Security(StrEnum):
    """How the connection is protected; STARTTLS is required, never opportunistic."""

    STARTTLS = "starttls"
    TLS = "tls"
    PLAIN = "plain"


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


class OpeningError(Exception):
    """The session can't be opened."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Opening:
    """Give it the server's replies, and it says what to send next; at phase READY it is done, at TLS it wants a handshake."""

    def __init__(self, *, hostname: str, security: Security, credentials: Credentials | None, encrypted: bool) -> None:
        self.phase = Phase.GREETING
        self.capabilities = Capabilities()
        self._hostname = hostname.encode("ascii")
        self._security = security
        self._credentials = credentials
        self._encrypted = encrypted
        self._extended = True
        self._login: Login | None = None

    @property
    def stage(self) -> Stage:
        """What the server owes us."""
        return _STAGES.get(self.phase, Stage.HELLO)

    def take(self, reply: Reply) -> bytes:
        """Return what to send after this reply.  Raises OpeningError and ProtocolError when the session can't go on."""
        match self.phase:
            case Phase.GREETING:
                if reply.code != 220:
                    raise self._failed(f"The server takes no mail now: {reply}", reply)
                return self._hello()
            case Phase.HELLO:
                return self._take_hello(reply)
            case Phase.STARTTLS:
                if reply.code != 220:
                    raise self._failed(f"The server refused STARTTLS: {reply}", reply)
                self.phase = Phase.TLS
                return b""
            case Phase.AUTH if self._login is not None:
                return self._log_in(self._login, reply)
            case _:
                raise ProtocolError("The server sent more before the TLS handshake.")

    def encrypted(self) -> bytes:
        """Go on after the TLS handshake that phase TLS asks for: everything learnt before it is forgotten (RFC 3207 4.2)."""
        self._encrypted = True
        self.capabilities = Capabilities()
        return self._hello()

    def _hello(self) -> bytes:
        self.phase = Phase.HELLO
        self._extended = True
        return b"EHLO %s\r\n" % self._hostname

    def _take_hello(self, reply: Reply) -> bytes:
        if reply.code == 250:
            self.capabilities = Capabilities.of(reply) if self._extended else Capabilities()
            return self._after_hello()
        if self._extended and 500 <= reply.code < 505:
            # A server from before ESMTP (RFC 5321 3.2).
            self._extended = False
            return b"HELO %s\r\n" % self._hostname
        raise self._failed(f"The server refused the greeting: {reply}", reply)

    def _after_hello(self) -> bytes:
        if self._security is Security.STARTTLS and not self._encrypted:
            self.phase = Phase.STARTTLS
            if not self.capabilities.starttls:
                raise self._failed("The server doesn't offer STARTTLS.")
            return b"STARTTLS\r\n"
        if self._credentials is None:
            self.phase = Phase.READY
            return b""
        self.phase = Phase.AUTH
        self._login = Login(self._credentials, self.capabilities)
        return self._log_in(self._login, None)

    def _log_in(self, login: Login, reply: Reply | None) -> bytes:
        try:
            answer = login.answer(reply) if reply else login.begin()
        except LoginError as error:
            raise self._failed(str(error), error.reply) from error
        if answer is None:
            self.phase = Phase.READY
            return b""
        return answer

    def _failed(self, message: str, reply: Reply | None = None) -> OpeningError:
        return OpeningError(Failure(self.stage, message, reply))


_STAGES = {
    Phase.GREETING: Stage.GREETING,
    Phase.HELLO: Stage.HELLO,
    Phase.STARTTLS: Stage.STARTTLS,
    Phase.TLS: Stage.TLS,
    Phase.AUTH: Stage.AUTH,
}
