"""What happened to an envelope: a start before its content goes out, then exactly one end."""

from typing import NamedTuple

from delivery.smtp.envelope import Envelope, Refusal, Stage
from delivery.smtp.reply import Reply


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
