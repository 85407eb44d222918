"""Replies of an SMTP server (RFC 5321 4.2), found in a stream that may be cut anywhere."""

import re
from functools import cached_property

# RFC 5321 4.5.3.1.5 allows 512 octets a line; real servers write more, but an endless line is no reply.
MAX_LINE = 8192
MAX_LINES = 200

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s|$)")


class ProtocolError(Exception):
    """What came over the wire is not SMTP."""


class Reply:
    """One complete reply: `code` and the lines of its text; the text is decoded only when someone reads it."""

    def __init__(self, code: int, lines: list[bytes]) -> None:
        self.code = code
        self._lines = lines

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their codes."""
        return [line.decode("utf-8", "replace").strip() for line in self._lines]

    @cached_property
    def text(self) -> str:
        """The lines as one, an enhanced code once and control characters dropped."""
        if len(self._lines) == 1:
            line = self._lines[0].decode("utf-8", "replace").strip()
            if line.isprintable():
                return line
        lines = self.lines
        if self.enhanced:
            lines = [lines[0], *[line.removeprefix(self.enhanced).strip() for line in lines[1:]]]
        joined = " ".join(filter(None, lines))
        return "".join(character for character in joined if character.isprintable())

    @cached_property
    def enhanced(self) -> str:
        """The enhanced status code of RFC 2034 and 3463, "5.1.1", or an empty string."""
        match = _ENHANCED.match(self.lines[0])
        # A code of another class than the reply's means nothing (RFC 2034 section 4).
        return match[1] if match and match[1][0] == str(self.code)[0] else ""

    @property
    def is_positive(self) -> bool:
        """Whether the server did as it was told (2xx)."""
        return 200 <= self.code < 300

    @property
    def is_temporary(self) -> bool:
        """Whether the same may work later (4xx)."""
        return 400 <= self.code < 500

    @cached_property
    def _shown(self) -> str:
        return f"{self.code} {self.text}".strip()

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"<Reply {self}>"


class ReplyParser:
    """Feed it bytes as they come; it gives complete replies, whatever the cuts.

    Tolerates what servers do: bare LF, a code without text, lines of one reply with different codes (the last counts).
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: list[bytes] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing of an unfinished reply is kept."""
        return not self._buffer and not self._lines

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes.  Raises ProtocolError when it is no SMTP."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > MAX_LINE:
            raise ProtocolError("The server's reply has a line without end.")
        replies = []
        for line in lines:
            reply = self._take(line.rstrip(b"\r"))
            if reply is not None:
                replies.append(reply)
        return replies

    def _take(self, line: bytes) -> Reply | None:
        match = _LINE.fullmatch(line)
        if match is None or len(line) > MAX_LINE:
            raise ProtocolError(f"The server answered something that is no SMTP: {_show(line)}")
        code, separator, text = match.groups()
        self._lines.append(text or b"")
        if separator == b"-":
            if len(self._lines) > MAX_LINES:
                raise ProtocolError("The server's reply has lines without end.")
            return None
        lines, self._lines = self._lines, []
        return Reply(int(code), lines)


def _show(line: bytes) -> str:
    return repr(line[:60].decode("ascii", "replace"))
