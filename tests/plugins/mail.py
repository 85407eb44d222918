"""A real SMTP server on loopback that keeps what it is given."""

import email
import email.policy
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

ACCEPTED = "250 2.0.0 OK"


@dataclass(slots=True)
class ReceivedMail:
    """One message as it came over the wire."""

    mail_from: str
    rcpt_to: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The parsed message."""
        return email.message_from_bytes(self.content, policy=email.policy.default)

    def text(self, subtype: str = "plain") -> str:
        """Return the decoded body part text/`subtype`; an empty string if there is none."""
        part = self.message.get_body(preferencelist=(subtype,))
        return part.get_content() if part else ""


@dataclass
class SmtpSink:
    """The server: `port` to send to, `messages` that arrived.

    `rcpt_replies` answers an address with another reply, e.g. `{"a@example.com": "550 5.1.1 Unknown"}`; `on_data` decides
    the reply to a message's content, and what it doesn't accept (250) is not kept.
    """

    host: str
    port: int
    messages: list[ReceivedMail] = field(default_factory=list)
    rcpt_replies: dict[str, str] = field(default_factory=dict)
    on_data: Callable[[ReceivedMail], str] | None = None

    def sent_to(self, address: str) -> list[ReceivedMail]:
        """Return what arrived for one address."""
        return [mail for mail in self.messages if address in mail.rcpt_to]

    def clear(self) -> None:
        """Forget all messages."""
        self.messages.clear()


class SmtpSinkHandler:
    """What aiosmtpd calls."""

    def __init__(self, sink: SmtpSink) -> None:
        self.sink = sink

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        reply = self.sink.rcpt_replies.get(address)
        if reply is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(rcpt_options)
            return "250 2.1.5 OK"
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        mail = ReceivedMail(envelope.mail_from or "", list(envelope.rcpt_tos), content)
        reply = self.sink.on_data(mail) if self.sink.on_data else ACCEPTED
        if reply.startswith("250"):
            self.sink.messages.append(mail)
        return reply


def free_port() -> int:
    """Return a TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def smtp_sink() -> Iterator[SmtpSink]:
    """Run an SMTP server on loopback for one test."""
    sink = SmtpSink("127.0.0.1", free_port())
    controller = Controller(
        SmtpSinkHandler(sink), hostname=sink.host, port=sink.port, enable_SMTPUTF8=True, data_size_limit=50_000_000
    )
    controller.start()
    yield sink
    controller.stop(no_assert=True)
