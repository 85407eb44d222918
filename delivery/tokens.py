"""The tokens in a message's URLs: pixel, links, unsubscribe, preferences, view in browser.

Each is a packed struct of numbers with a MAC of 16 characters (`core.sealing`): 27 to 48 characters, nothing to read in it, no
expiry. What a token points at may be gone; the numbers still say what was meant.

A message has a dozen, nearly all of them of links, so that their cost shows: the two numbers of a link's token are encoded apart,
each once, and what all of a message's links have in common is hashed once (decision 36).
"""

import struct
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Callable
from hashlib import blake2b, blake2s
from typing import NamedTuple

from core.sealing import STAMP_BYTES, BadToken, is_stamped, stamper

_OPEN = b"open"
_LINK = b"link"
_UNSUBSCRIBE = b"unsubscribe"
_PREFERENCES = b"preferences"
_VIEW = b"view"

_ONE = struct.Struct(">Q")
_THREE = struct.Struct(">QQQ")
# Eight octets in base64, without the "=" at their end.
_WIDTH = 11
_STAMP_WIDTH = 2 * STAMP_BYTES
_URL_SAFE = bytes.maketrans(b"+/", b"-_")

_LINK_ID_MASK = (1 << 63) - 1


class LinkClaim(NamedTuple):
    """What a link's token says."""

    message_id: int
    link_id: int


class ContactClaim(NamedTuple):
    """What an unsubscribe or preferences token says; `contact_id` is 0 in a test send to an address of the team."""

    workspace_id: int
    contact_id: int
    message_id: int


class LinkNumber(NamedTuple):
    """A link's id as it stands in a token, and as it goes into the MAC."""

    text: str
    octets: bytes


class LinkTokens(NamedTuple):
    """What the tokens of one message's links begin with: their text, and the hash so far (`begin` copies it).

    A token is `text`, the link's `LinkNumber.text`, and the hexadecimal digest of the hash updated with its `octets`. Whoever
    makes a dozen does that without a call in between.
    """

    text: str
    begin: Callable[[], blake2s]


class Minter:
    """Makes tokens for many messages: the installation's key is looked up once."""

    def __init__(self) -> None:
        self._open = stamper(_OPEN)
        self._link = stamper(_LINK)
        self._unsubscribe = stamper(_UNSUBSCRIBE)

    def open_token(self, message_id: int) -> str:
        """Return the token of a message's pixel."""
        return _stamped(self._open(), _ONE.pack(message_id))

    def link_tokens(self, message_id: int) -> LinkTokens:
        """Return what `link_token` begins with for all links of one message."""
        octets = _ONE.pack(message_id)
        begun = self._link()
        begun.update(octets)
        return LinkTokens(_encoded(octets), begun.copy)

    def unsubscribe_token(self, workspace_id: int, contact_id: int, message_id: int) -> str:
        """Return the token of a message's unsubscribe URL."""
        return _stamped(self._unsubscribe(), _THREE.pack(workspace_id, contact_id, message_id))


def open_token(message_id: int) -> str:
    """Return the token of a message's pixel."""
    return Minter().open_token(message_id)


def read_open_token(token: str) -> int:
    """Return the message's id.  Raises BadToken."""
    (message_id,) = _read(_OPEN, _ONE, token)
    return message_id


def link_number(link: int) -> LinkNumber:
    """Return a link's id ready for the tokens of many messages."""
    octets = _ONE.pack(link)
    return LinkNumber(_encoded(octets), octets)


def link_tokens(message_id: int) -> LinkTokens:
    """Return what `link_token` begins with for all links of one message."""
    return Minter().link_tokens(message_id)


def link_token(message_id: int, link: int) -> str:
    """Return the token of one tracked link (by its `link_id`) in one message."""
    text, begin = link_tokens(message_id)
    number, octets = link_number(link)
    stamp = begin()
    stamp.update(octets)
    return text + number + stamp.hexdigest()


def read_link_token(token: str) -> LinkClaim:
    """Return the message's and the link's id.  Raises BadToken."""
    message_id, link = _decoded(token[:_WIDTH]), _decoded(token[_WIDTH:-_STAMP_WIDTH])
    if not len(message_id) == len(link) == _ONE.size:
        raise BadToken("The token has another length.")
    _check(_LINK, message_id + link, token)
    return LinkClaim(*_ONE.unpack(message_id), *_ONE.unpack(link))


def unsubscribe_token(workspace_id: int, contact_id: int, message_id: int) -> str:
    """Return the token of a message's unsubscribe URL."""
    return Minter().unsubscribe_token(workspace_id, contact_id, message_id)


def read_unsubscribe_token(token: str) -> ContactClaim:
    """Return whose subscription it is.  Raises BadToken."""
    return ContactClaim(*_read(_UNSUBSCRIBE, _THREE, token))


def preferences_token(workspace_id: int, contact_id: int, message_id: int) -> str:
    """Return the token of a message's preferences URL."""
    return _write(_PREFERENCES, _THREE.pack(workspace_id, contact_id, message_id))


def read_preferences_token(token: str) -> ContactClaim:
    """Return whose preferences they are.  Raises BadToken."""
    return ContactClaim(*_read(_PREFERENCES, _THREE, token))


def view_token(message_id: int) -> str:
    """Return the token of a message's view in the browser."""
    return _write(_VIEW, _ONE.pack(message_id))


def read_view_token(token: str) -> int:
    """Return the message's id.  Raises BadToken."""
    (message_id,) = _read(_VIEW, _ONE, token)
    return message_id


def link_id(mailing_id: int, url: str) -> int:
    """Return the id of a link: 63 bits of a hash of mailing and URL, known before its row is written."""
    digest = blake2b(url.encode(), key=_ONE.pack(mailing_id), digest_size=8).digest()
    return int.from_bytes(digest) & _LINK_ID_MASK


def _write(purpose: bytes, payload: bytes) -> str:
    return _stamped(stamper(purpose)(), payload)


def _stamped(stamp: blake2s, payload: bytes) -> str:
    stamp.update(payload)
    return _encoded(payload) + stamp.hexdigest()


def _read(purpose: bytes, layout: struct.Struct, token: str) -> tuple[int, ...]:
    payload = _decoded(token[:-_STAMP_WIDTH])
    if len(payload) != layout.size:
        raise BadToken("The token has another length.")
    _check(purpose, payload, token)
    return layout.unpack(payload)


def _check(purpose: bytes, payload: bytes, token: str) -> None:
    if not is_stamped(purpose, payload, token[-_STAMP_WIDTH:]):
        raise BadToken("The token's signature is wrong.")


def _encoded(octets: bytes) -> str:
    return b2a_base64(octets, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        octets = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise BadToken("The token is not base64.") from error
    if _encoded(octets) != text:
        raise BadToken("The token is not canonical.")
    return octets
