"""One mailing from one mailbox, compiled once; then one message a contact."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import blake2b
from secrets import token_hex
from typing import Any, Literal, NamedTuple

from delivery import tokens
from delivery.compose import headers
from delivery.compose.addresses import wire_address
from delivery.compose.bodies import Body, encode_text, has_long_line, is_mostly_foreign, stuff_dots, unstuff_dots
from delivery.compose.encodings import PLAIN, QUOTED_PRINTABLE
from delivery.smtp import Envelope
from delivery.tracked import HONEYPOT_LABEL
from templates_lib.rendering import CompiledEmail, RenderError, Rendering, is_clean_link, plain

# URLs that differ by recipient would let the cache of link ids grow without end.
_REMEMBERED_LINKS = 50_000
_NO_TRACKING = "off"
# The index of the link that people can't see: none of the source's.
_TRAP = -1

type Sign = Callable[[bytes, bytes, datetime], bytes]
"""Signs a header block and a body, both in CRLF lines without stuffed dots; returns header fields to put before them."""
type _Part = Literal["source", "text_source"]


def local_id(workspace_id: int, key: str) -> str:
    """Return the left half of the Message-ID of a workspace's message with the key."""
    return blake2b(f"{workspace_id}:{key}".encode(), digest_size=16).hexdigest()


class ComposeError(Exception):
    """The message can't be made for this contact; the text says why."""


class Recipient(NamedTuple):
    """Who one message goes to.  `contact_id` is 0 for a test; `fields` are the contact's merge fields, as plain JSON."""

    message_id: int
    contact_id: int
    key: str
    email: str
    name: str
    tracking: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sender:
    """What of the mailbox and the workspace stands in the mail."""

    workspace_id: int
    workspace_slug: str
    mailbox_id: int
    name: str
    email: str
    reply_to: str
    workspace: Mapping[str, str]


class TrackedLink(NamedTuple):
    """A URL to be redirected to, and as it is written in the source."""

    url: str
    label: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where links lead: the installation's pages and its tracking endpoint, without a trailing slash."""

    base_url: str
    tracking_url: str


class Composer:
    """Makes envelopes; `take_links` gives the links that must be stored before the envelopes made so far are sent."""

    def __init__(
        self,
        *,
        mailing_id: int,
        compiled: CompiledEmail,
        sender: Sender,
        places: Places,
        context: Mapping[str, Any],
        track_opens: bool,
        track_clicks: bool,
        sign: Sign | None = None,
    ) -> None:
        self._mailing_id = mailing_id
        self._compiled = compiled
        self._sender = sender
        self._places = places
        self._track_opens = track_opens
        self._track_clicks = track_clicks
        self._shared = plain(
            {
                **context,
                "sender": {"name": sender.name, "email": sender.email},
                "workspace": dict(sender.workspace),
            }
        )
        self._sign = sign
        self._tokens = tokens.Minter()
        self._uncompiled = 0
        self._known_links: dict[str, tokens.LinkNumber] = {}
        self._new_links: dict[int, TrackedLink] = {}
        self._link_start = f"{places.tracking_url}/l/"
        self._clean_links = is_clean_link(self._link_start)
        # No mail of ours links there by itself, so that its id is that of no real link.
        self._trap_url = f"{places.base_url}/?for=machines"
        self._has_trap = compiled.format != "text" and bool(compiled.links)
        self._boundary = f"=_{token_hex(12)}"
        first, between = f"--{self._boundary}\r\n", f"\r\n--{self._boundary}\r\n"
        self._part_heads = {
            key: f"{first if key[0] == 'plain' else between}{kind}\r\n".encode() for key, kind in _KINDS.items()
        }
        self._end = f"\r\n--{self._boundary}--\r\n".encode()
        self._multipart = f'Content-Type: multipart/alternative; boundary="{self._boundary}"\r\n'
        self._has_html = compiled.format != "text"
        self._quoted: dict[_Part, bool] = {}
        self._dated_at: datetime | None = None
        self._dated = ""
        address, _ = wire_address(sender.email)
        self._domain = address.rpartition("@")[2]
        self._envelope_sender = address
        self._begin_id = blake2b(f"{sender.workspace_id}:".encode(), digest_size=16).copy
        self._from = f"From: {headers.mailbox(sender.name, address, column=6)}\r\n"
        self._constant = self._constant_headers()

    def compose(self, recipient: Recipient, *, now: datetime, eight_bit: bool, answers: Sequence[str] = ()) -> Envelope:
        """Return the message on its way to one recipient; `eight_bit`: the server takes 8BITMIME.

        `answers` are the Message-IDs of the earlier messages that it follows up, oldest first.

        Raises ComposeError when the template can't be filled in for this contact, BadRecipientError for a bad address.
        """
        address, utf8 = wire_address(recipient.email)
        message_id = recipient.message_id
        token = self._tokens.unsubscribe_token(self._sender.workspace_id, recipient.contact_id, message_id)
        unsubscribe_url = f"{self._places.base_url}/u/{token}"
        try:
            rendering = self.begin(recipient, unsubscribe_url)
            html = self._body(rendering, "source", eight_bit=eight_bit) if self._has_html else None
            text = self._body(rendering, "text_source", eight_bit=eight_bit)
        except RenderError as error:
            raise ComposeError(str(error)) from error
        self._uncompiled += rendering.uncompiled
        kind, content = self._content(text, html)
        if answers:
            references = "\r\n ".join(answers)
            kind = f"In-Reply-To: {answers[-1]}\r\nReferences: {references}\r\n{kind}"
        header = "".join(
            (
                self._from,
                f"To: {headers.mailbox(recipient.name, address, column=4)}\r\n",
                f"Subject: {headers.unstructured(rendering.subject, column=9)}\r\n",
                f"Date: {self._date(now)}\r\n",
                f"Message-ID: <{self.local_id(recipient.key)}@{self._domain}>\r\n",
                f"List-Unsubscribe: <{unsubscribe_url}>\r\n",
                self._constant,
                kind,
            )
        ).encode()
        if self._sign is not None:
            header = self._sign(header, unstuff_dots(b"".join(content)), now) + header
        return Envelope(
            message_id,
            self._envelope_sender,
            address,
            b"".join((header, b"\r\n", *content, b".\r\n")),
            utf8 or text.encoding == "8bit" or (html is not None and html.encoding == "8bit"),
            utf8,
        )

    def take_links(self) -> dict[int, TrackedLink]:
        """Return the links met for the first time since the last call, by id."""
        links, self._new_links = self._new_links, {}
        return links

    def take_uncompiled(self) -> int:
        """Return how many messages since the last call python-liquid had to render, in part or as a whole."""
        count, self._uncompiled = self._uncompiled, 0
        return count

    def put_back(self, links: Mapping[int, TrackedLink]) -> None:
        """Have `take_links` give these again: they could not be stored."""
        self._new_links = {**links, **self._new_links}

    def local_id(self, key: str) -> str:
        """Return the left half of the Message-ID: the same for every try of a message, different for every other."""
        digest = self._begin_id()
        digest.update(key.encode())
        return digest.hexdigest()

    def begin(self, recipient: Recipient, unsubscribe_url: str) -> Rendering:
        """Return the mail's content for a recipient, its parts to be rendered yet.  Raises RenderError."""
        message_id = recipient.message_id
        base_url, tracking_url = self._places.base_url, self._places.tracking_url
        values = {**recipient.fields, **self._shared, "unsubscribeUrl": unsubscribe_url}
        # A token costs a hash: those that the mail doesn't show are not made.
        if "preferencesUrl" in self._compiled.fields:
            owner = (self._sender.workspace_id, recipient.contact_id, message_id)
            values["preferencesUrl"] = f"{base_url}/p/{tokens.preferences_token(*owner)}"
        if "viewUrl" in self._compiled.fields:
            values["viewUrl"] = f"{base_url}/v/{tokens.view_token(message_id)}"
        tracked = recipient.tracking != _NO_TRACKING
        pixel = f"{tracking_url}/o/{self._tokens.open_token(message_id)}" if tracked and self._track_opens else ""
        if not (tracked and self._track_clicks):
            return self._compiled.begin(values, pixel_url=pixel)
        link = self._link_hook(message_id)
        trap = link(_TRAP, self._trap_url) if self._has_trap else ""
        return self._compiled.begin(values, link=link, clean_links=self._clean_links, pixel_url=pixel, trap_url=trap)

    def _body(self, rendering: Rendering, part: _Part, *, eight_bit: bool) -> Body:
        """Return a part as it goes on the wire: by pieces where that can be done, else as a whole."""
        by_quoting = not eight_bit and self._is_quoted(part)
        octets = rendering.octets(part, QUOTED_PRINTABLE if by_quoting else PLAIN)
        if octets is not None:
            content = octets.encode("latin-1")
            if by_quoting:
                return Body("quoted-printable", content.removesuffix(b"=\r\n"))
            is_ascii = content.isascii()
            if (is_ascii or eight_bit) and not has_long_line(content):
                return Body("7bit" if is_ascii else "8bit", content)
        encoding, content = encode_text(rendering.part(part), eight_bit=eight_bit)
        return Body(encoding, stuff_dots(content))

    def _is_quoted(self, part: _Part) -> bool:
        """Tell whether a part has text beyond ASCII for everyone, but not so much that base64 is shorter."""
        quoted = self._quoted.get(part)
        if quoted is None:
            text = self._compiled.static_text(part)
            foreign = is_mostly_foreign(len(text.encode()), len(text))
            quoted = self._quoted[part] = not text.isascii() and not foreign
        return quoted

    def _link_hook(self, message_id: int) -> Callable[[int, str], str]:
        begun, begin = self._tokens.link_tokens(message_id)
        start = self._link_start + begun
        known = self._known_links

        def track(index: int, url: str) -> str:
            text, octets = known.get(url) or self._link(index, url)
            stamp = begin()
            stamp.update(octets)
            return f"{start}{text}{stamp.hexdigest()}"

        return track

    def _link(self, index: int, url: str) -> tokens.LinkNumber:
        if len(self._known_links) >= _REMEMBERED_LINKS:
            self._known_links.clear()
        link_id = tokens.link_id(self._mailing_id, url)
        label = HONEYPOT_LABEL if index == _TRAP else self._compiled.links[index]
        self._new_links[link_id] = TrackedLink(url, label)
        made = self._known_links[url] = tokens.link_number(link_id)
        return made

    def _constant_headers(self) -> str:
        sender = self._sender
        domain = self._domain
        name = sender.workspace.get("name", "")
        lines = [
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            f"List-Id: {headers.mailbox(name, f'{sender.workspace_slug}.{domain}', column=9)}"
            if headers.clean(name)
            else f"List-Id: <{sender.workspace_slug}.{domain}>",
            f"Feedback-ID: {self._mailing_id}:{sender.mailbox_id}:campaign:{sender.workspace_slug}",
        ]
        if sender.reply_to:
            lines.append(f"Reply-To: {wire_address(sender.reply_to).address}")
        lines.append("MIME-Version: 1.0")
        return "\r\n".join(lines) + "\r\n"

    def _content(self, text: Body, html: Body | None) -> tuple[str, tuple[bytes, ...]]:
        """Return the last header fields and the pieces of what follows the header."""
        if html is None:
            end = b"" if text.content.endswith(b"\r\n") else b"\r\n"
            return _KINDS["plain", text.encoding], (text.content, end)
        pieces = (
            self._part_heads["plain", text.encoding],
            text.content,
            self._part_heads["html", html.encoding],
            html.content,
            self._end,
        )
        return self._multipart, pieces

    def _date(self, now: datetime) -> str:
        if now is not self._dated_at:
            self._dated_at, self._dated = now, format_datetime(now.astimezone(UTC))
        return self._dated


_KINDS = {
    (subtype, encoding): f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
    for subtype in ("plain", "html")
    for encoding in ("7bit", "8bit", "quoted-printable", "base64")
}
