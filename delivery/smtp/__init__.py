"""A pipelining SMTP client: RFC 5321, 2920 (PIPELINING), 3207 (STARTTLS), 4954 (AUTH), 6152, 1870, 6531, 2034/3463.

`reply` and `session` are the protocol without sockets; `client` drives several connections of one server without blocking.
"""

from delivery.smtp.client import Client
from delivery.smtp.connection import Patience, Server
from delivery.smtp.reply import ProtocolError, Reply, ReplyParser
from delivery.smtp.session import (
    Answered,
    Broken,
    Capabilities,
    Credentials,
    Envelope,
    Event,
    Failure,
    Lost,
    Refusal,
    Refused,
    Security,
    Session,
    Stage,
    Started,
    Unsent,
)

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
