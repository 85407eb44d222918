"""A pipelining SMTP client: RFC 5321, 2920 (PIPELINING), 3207 (STARTTLS), 4954 (AUTH), 6152, 1870, 6531, 2034/3463.

`session` is the protocol without sockets: `opening` until mail can be sent, then `exchange`.  `client` drives several
connections of one server without blocking.
"""

from delivery.smtp.authentication import Credentials
from delivery.smtp.capabilities import Capabilities
from delivery.smtp.client import Client
from delivery.smtp.envelope import Envelope, Refusal, Stage
from delivery.smtp.events import Answered, Broken, Event, Failure, Lost, Refused, Started, Unsent
from delivery.smtp.opening import Security
from delivery.smtp.reply import ProtocolError, Reply, ReplyParser
from delivery.smtp.server import Patience, Server
from delivery.smtp.session import Session

__all__ = [
    "Answered",
    "Broken",
    "Capabilities",
    "Client",
    "Credentials",
    "Envelope",
    "Event",
    "Failure",
    "Lost",
    "Patience",
    "ProtocolError",
    "Refusal",
    "Refused",
    "Reply",
    "ReplyParser",
    "Security",
    "Server",
    "Session",
    "Stage",
    "Started",
    "Unsent",
]
