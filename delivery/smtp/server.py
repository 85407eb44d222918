"""Where a client connects, and how long it waits."""

from dataclasses import dataclass, field

from delivery.smtp.authentication import Credentials
from delivery.smtp.envelope import Stage
from delivery.smtp.opening import Security

_CONTENT = Stage.CONTENT


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server may owe us something, in seconds, by what it owes.

    RFC 5321 4.5.3.2 suggests up to ten minutes; a worker that serves many mailboxes waits less, except for the answer to a
    message's content, where giving up early would leave the message's fate unknown.  A clock starts anew with each complete
    reply and, while content goes out, with each `STRIDE` octets that the network takes.
    """

    connect: float = 15
    greeting: float = 60
    command: float = 60
    transfer: float = 60
    content: float = 300

    def of(self, stage: Stage) -> float:
        """Return the patience for an answer at this stage."""
        if stage is _CONTENT:  # as a rule
            return self.content
        match stage:
            case Stage.CONNECT | Stage.TLS:
                return self.connect
            case Stage.GREETING:
                return self.greeting
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
