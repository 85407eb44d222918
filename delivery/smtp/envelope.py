"""What is given to a server, and where in the conversation it can be answered."""

import re
from enum import StrEnum
from typing import NamedTuple

# No address that we send holds a space, a control character or an angle bracket: they would end the command (RFC 5321 4.1.2).
_ADDRESSES = re.compile(r"[^\x00-\x20<>\x7f]* [^\x00-\x20<>\x7f]*").fullmatch
_END = b"\r\n.\r\n"


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
    # It would end the conversation or smuggle a second message into it.
    MALFORMED = "malformed"


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

    @property
    def size(self) -> int:
        """The octets that count for SIZE (RFC 1870 section 3), without the line of one dot."""
        return len(self.content) - 3

    @property
    def is_sound(self) -> bool:
        """Whether it ends where it should: a line of one dot at its end, no address with what ends a command.

        That no other line of the content is a single dot is for its maker to see to: looking for one costs as much as
        sending the message.
        """
        return self.content.endswith(_END) and _ADDRESSES(f"{self.sender} {self.recipient}") is not None
