"""Logging in: AUTH PLAIN, LOGIN and XOAUTH2 (RFC 4954, 4616, the XOAUTH2 of Google and Microsoft)."""

import base64
import binascii
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from delivery.smtp.capabilities import Capabilities
from delivery.smtp.reply import Reply

# A command may have 512 octets (RFC 5321 4.5.3.1.4); a longer response waits for the server's challenge (RFC 4954 section 4).
_MAX_COMMAND = 512
# "Not supported" and "too weak": another way to log in may be taken.
_ANOTHER_WAY = (504, 534)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login, never shown in a repr; with a `token` (an OAuth 2 access token) the password is not used."""

    username: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class LoginError(Exception):
    """The login failed; `reply` is the server's, if it said anything."""

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.reply = reply


class Login:
    """One login: `begin` gives the first command, `answer` what to say to each reply."""

    def __init__(self, credentials: Credentials, offered: Capabilities) -> None:
        self._credentials = credentials
        self._offered = offered.auth
        self._ways = self._possible()
        self._responses: deque[bytes] = deque()
        self._complaint = ""

    def begin(self) -> bytes:
        """Return the AUTH command.  Raises LoginError if the server offers no way to log in that can be used."""
        name = next(self._ways, "")
        if not name:
            known = "XOAUTH2" if self._credentials.token else "PLAIN or LOGIN"
            offered = ", ".join(sorted(self._offered)) or "no login at all"
            raise LoginError(f"The server offers no login that can be used here ({known}), but {offered}.")
        return self._start(name)

    def answer(self, reply: Reply) -> bytes | None:
        """Return what to say next, None when the login is done.  Raises LoginError when it was refused."""
        if reply.code == 235:
            return None
        if reply.code == 334 and self._responses:
            return self._responses.popleft() + b"\r\n"
        if reply.code == 334 and self._credentials.token and not self._complaint:
            # XOAUTH2 tells why it refuses in a challenge, and says so only after an empty response.
            self._complaint = _decoded(reply.text) or reply.text
            return b"\r\n"
        if reply.code in _ANOTHER_WAY and (name := next(self._ways, "")):
            return self._start(name)
        detail = f" ({self._complaint})" if self._complaint else ""
        raise LoginError(f"The server refused the login: {reply}{detail}", reply)

    def _possible(self) -> Iterator[str]:
        ways = ("XOAUTH2",) if self._credentials.token else ("PLAIN", "LOGIN")
        return (name for name in ways if name in self._offered)

    def _start(self, name: str) -> bytes:
        username, password = self._credentials.username.encode(), self._credentials.password.encode()
        command = f"AUTH {name}\r\n".encode()
        match name:
            case "LOGIN":
                self._responses = deque([base64.b64encode(username), base64.b64encode(password)])
                return command
            case "PLAIN":
                response = base64.b64encode(b"\0%s\0%s" % (username, password))
            case _:
                token = self._credentials.token.encode()
                response = base64.b64encode(b"user=%s\1auth=Bearer %s\1\1" % (username, token))
        if len(command) + len(response) + 1 > _MAX_COMMAND:
            self._responses = deque([response])
            return command
        self._responses.clear()
        return b"AUTH %s %s\r\n" % (name.encode(), response)


def _decoded(challenge: str) -> str:
    """Return the text of a challenge in base64, an empty string if it is none."""
    try:
        text = base64.b64decode(challenge, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return "".join(character for character in text if character.isprintable())[:300]
