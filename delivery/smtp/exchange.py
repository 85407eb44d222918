"""Envelopes in turn over an open session.

With PIPELINING the next envelope's MAIL, RCPT and DATA ride right behind the content of the last one (RFC 2920 allows no
content to follow content), so a message costs one round trip; without it each command waits for its reply.

At any moment at most one envelope has had content sent and no answer: only its fate can ever be in doubt.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from delivery.smtp.capabilities import Capabilities
from delivery.smtp.envelope import Envelope, Stage
from delivery.smtp.events import Answered, Broken, Event, Failure, Lost, Refused, Started, Unsent
from delivery.smtp.reply import ProtocolError, Reply

type Pull = Callable[[Capabilities], Envelope | None]


class _Step(Enum):
    MAIL = Stage.MAIL
    RCPT = Stage.RCPT
    DATA = Stage.DATA
    CONTENT = Stage.CONTENT
    RESET = "reset"
    # The end of an empty message, when a server says 354 though it refused the recipient (RFC 2920 3.1).
    EMPTY = "empty"


# What the server owes us, in order. A new one begins only when the last is used up.
_NOTHING: tuple[_Step, ...] = ()
_OFFER = (_Step.MAIL, _Step.RCPT, _Step.DATA)
_CONTENT = (_Step.CONTENT,)
_RIDE = (_Step.CONTENT, *_OFFER)

# An enum's member is found slowly, and its value more slowly still.
_AFTER_CONTENT = _Step.CONTENT
_CONTENT_STAGE = Stage.CONTENT

# What nearly every read of a pipelining server holds: the message is taken, the next one is welcome, each in one short line.
_ALL_WELL = re.compile(rb"(2[0-9][0-9])(?: ([^\r\n]*))?\r\n(?:2[0-9][0-9](?: [^\r\n]*)?\r\n){2}354(?: [^\r\n]*)?\r\n")
_ALL_WELL_OCTETS = 2048


class Farewell(NamedTuple):
    """421: the server closes the connection (RFC 5321 3.8)."""

    failure: Failure


class Exchange:
    """Pulls envelopes, says what to send (`output`) and tells from the replies what became of them."""

    def __init__(self, capabilities: Capabilities) -> None:
        self.answered = 0
        self.output = bytearray()
        self._capabilities = capabilities
        self._pipelining = capabilities.pipelining
        self._owed = _NOTHING
        self._place = 0
        self._unsent_content = 0
        self._unsent_commands = 0
        self._needs_reset = False
        # The envelope whose commands are on their way and what was said against it; the one whose content was sent.
        self._offered: Envelope | None = None
        self._objection: tuple[Stage, Reply] | None = None
        self._sent: Envelope | None = None
        # The last "all is well" and what it says of the message: many servers say the same each time.
        self._well = b""
        self._praise: Reply | None = None

    @property
    def is_idle(self) -> bool:
        """Whether the server owes nothing."""
        return self._place == len(self._owed)

    @property
    def stage(self) -> Stage:
        """What the server owes us now."""
        if self._place == len(self._owed):
            return Stage.MAIL
        step = self._owed[self._place]
        if step is _AFTER_CONTENT:
            return _CONTENT_STAGE
        value = step.value
        return value if isinstance(value, Stage) else Stage.MAIL

    def sent(self, count: int) -> None:
        """Note that the first `count` octets of `output` were given to the network."""
        if count == len(self.output):
            self.output = bytearray()
            self._unsent_content = 0
        else:
            del self.output[:count]
            self._unsent_content -= count

    def offer_next(self, pull: Pull, events: list[Event]) -> None:
        """Put the next envelope's commands into the output."""
        capabilities = self._capabilities
        while (envelope := pull(capabilities)) is not None:
            refusal = capabilities.refusal(envelope)
            if refusal is None:
                self._offer(envelope)
                return
            events.append(Refused(envelope.id, refusal))

    def take_all_well(self, data: bytes, pull: Pull, events: list[Event]) -> bool:
        """Do at one stroke what `take` does with four replies, if `data` is just that; False: look at them one by one."""
        if self._owed is not _RIDE or self._place or self.output or len(data) > _ALL_WELL_OCTETS:
            return False
        sent, offered = self._sent, self._offered
        if sent is None or offered is None:
            return False
        reply = self._praise if data == self._well else None
        if reply is None:
            match = _ALL_WELL.fullmatch(data)
            if match is None:
                return False
            code, text = match.groups(b"")
            self._well, self._praise = data, (reply := Reply(int(code), [text]))
        self.answered += 1
        events.append(Answered(sent.id, _CONTENT_STAGE, reply))
        self._place = len(_RIDE)
        self._send_content(offered, pull, events)
        return True

    def take(self, reply: Reply, pull: Pull, events: list[Event]) -> Farewell | None:
        """Take the answer to what the server owes us; a Farewell ends the session.  Raises ProtocolError if it owes nothing."""
        if self.is_idle:
            if reply.code == 421:
                return Farewell(Failure(Stage.MAIL, str(reply), reply))
            raise ProtocolError(f"The server answered what nobody asked: {reply}")
        step = self._owed[self._place]
        if step is _Step.CONTENT and self._unsent_content > 0:
            return self._take_early(reply, events)
        if step is not _Step.CONTENT and len(self.output) >= self._unsent_commands:
            raise ProtocolError(f"The server answered before it was asked: {reply}")
        if not _fits(step, reply.code):
            raise ProtocolError(f"The server's answer fits nothing it was asked: {reply}")
        self._place += 1
        if reply.code == 421:
            return self._take_farewell(step, reply, events)
        if step is _Step.CONTENT and self._sent is not None:
            events.append(Answered(self._sent.id, Stage.CONTENT, reply))
            self.answered += 1
            self._sent = None
        elif self._offered is not None:
            self._take_command(step, self._offered, reply, pull, events)
            return None
        if self._place == len(self._owed):
            self.offer_next(pull, events)
        return None

    def end(self, message: str, events: list[Event]) -> None:
        """The connection is gone: settle every envelope that was on its way."""
        if self._sent is not None:
            fate = Broken if self._unsent_content > 0 else Lost
            events.append(fate(self._sent.id, message))
        if self._offered is not None:
            if self._objection is not None:
                events.append(Answered(self._offered.id, *self._objection))
            else:
                events.append(Unsent(self._offered))
        self._sent = self._offered = self._objection = None
        self._owed, self._place = _NOTHING, 0
        self.output = bytearray()

    def _offer(self, envelope: Envelope) -> None:
        self._offered, self._objection = envelope, None
        reset = self._needs_reset
        self._needs_reset = False
        if not self._pipelining:
            if reset:
                self._say("RSET", _Step.RESET)
            else:
                self._say(f"MAIL FROM:<{envelope.sender}>{self._capabilities.parameters(envelope)}", _Step.MAIL)
            return
        commands = (
            f"{'RSET\r\n' if reset else ''}MAIL FROM:<{envelope.sender}>{self._capabilities.parameters(envelope)}\r\n"
            f"RCPT TO:<{envelope.recipient}>\r\nDATA\r\n"
        ).encode()
        self._put(commands)
        if self._sent is not None:
            self._owed = _RIDE
        else:
            self._owed = (_Step.RESET, *_OFFER) if reset else _OFFER
        self._place = 0

    def _say(self, command: str, step: _Step) -> None:
        self._put(f"{command}\r\n".encode())
        self._owed, self._place = (step,), 0

    def _put(self, commands: bytes) -> None:
        self.output += commands
        self._unsent_commands = len(commands)

    def _take_command(self, step: _Step, envelope: Envelope, reply: Reply, pull: Pull, events: list[Event]) -> None:
        if step is _Step.RESET:
            if not self._pipelining:
                self._say(f"MAIL FROM:<{envelope.sender}>{self._capabilities.parameters(envelope)}", _Step.MAIL)
            return
        if step is _Step.DATA:
            self._take_data(envelope, reply, pull, events)
            return
        if not reply.is_positive and self._objection is None:
            self._objection = (Stage(step.value), reply)
        if self._pipelining:
            return
        if self._objection is not None:
            self._decline(envelope, *self._objection, pull, events)
        elif step is _Step.MAIL:
            self._say(f"RCPT TO:<{envelope.recipient}>", _Step.RCPT)
        else:
            self._say("DATA", _Step.DATA)

    def _take_data(self, envelope: Envelope, reply: Reply, pull: Pull, events: list[Event]) -> None:
        if reply.code != 354:
            self._decline(envelope, *(self._objection or (Stage.DATA, reply)), pull, events)
        elif self._objection is not None:
            events.append(Answered(envelope.id, *self._objection))
            self.answered += 1
            self._offered = self._objection = None
            self._say(".", _Step.EMPTY)
        else:
            self._send_content(envelope, pull, events)

    def _send_content(self, envelope: Envelope, pull: Pull, events: list[Event]) -> None:
        events.append(Started(envelope.id))
        self._sent, self._offered = envelope, None
        self.output += envelope.content
        self._unsent_content = len(self.output)
        self._owed, self._place = _CONTENT, 0
        if self._pipelining:
            self.offer_next(pull, events)

    def _decline(self, envelope: Envelope, stage: Stage, reply: Reply, pull: Pull, events: list[Event]) -> None:
        events.append(Answered(envelope.id, stage, reply))
        self.answered += 1
        self._offered = self._objection = None
        self._needs_reset = True
        self.offer_next(pull, events)

    def _take_early(self, reply: Reply, events: list[Event]) -> Farewell:
        """A reply before all content was sent: a refusal stands, and what follows it on this connection is anybody's guess."""
        if reply.is_positive or self._sent is None or reply.code < 400:
            raise ProtocolError(f"The server answered a message that it hasn't seen the end of: {reply}")
        events.append(Answered(self._sent.id, Stage.CONTENT, reply))
        self.answered += 1
        self._sent = None
        return Farewell(Failure(Stage.CONTENT, f"The server answered before the end of a message: {reply}", reply))

    def _take_farewell(self, step: _Step, reply: Reply, events: list[Event]) -> Farewell:
        """421 said to MAIL is about the connection, later about the message."""
        stage = Stage(step.value) if isinstance(step.value, Stage) else Stage.MAIL
        if step is _Step.CONTENT and self._sent is not None:
            events.append(Answered(self._sent.id, stage, reply))
            self._sent = None
        elif step in (_Step.RCPT, _Step.DATA) and self._offered is not None:
            events.append(Answered(self._offered.id, *(self._objection or (stage, reply))))
            self._offered = self._objection = None
        return Farewell(Failure(stage, str(reply), reply))


def _fits(step: _Step, code: int) -> bool:
    """Whether a reply of this code can be the answer to this step: "go on" to DATA alone, "done" to everything else."""
    if step is _Step.DATA:
        return code == 354 or code >= 400
    return code < 300 or code >= 400
