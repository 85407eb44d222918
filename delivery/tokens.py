"""The tokens in a message's URLs: pixel, links, unsubscribe, preferences, view in browser.

Each is a packed struct of numbers with a MAC (`core.sealing`): 27 to 48 characters, nothing to read in it, no
expiry. What a token points at may be gone; the numbers still say what was meant.
"""

import struct
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from core.sealing import BadToken, seal, sealer, unseal

_OPEN = b"open"
_LINK = b"link"
_UNSUBSCRIBE = b"unsubscribe"
_PREFERENCES = b"preferences"
_VIEW = b"view"

_ONE = struct.Struct(">Q")
_TWO = struct.Struct(">QQ")
_THREE = struct.Struct(">QQQ")

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


def open_token(message_id: int) -> str:
    """Return the token of a message's pixel."""
    return seal(_OPEN, _ONE.pack(message_id))


def read_open_token(token: str) -> int:
    """Return the message's id.  Raises BadToken."""
    (message_id,) = _unpack(_ONE, _OPEN, token)
    return message_id


def link_token(message_id: int, link: int) -> str:
    """Return the token of one tracked link (by its `link_id`) in one message."""
    return seal(_LINK, _TWO.pack(message_id, link))


def link_tokens(message_id: int) -> Callable[[int], str]:
    """Return `link_token` for many links of one message."""
    seal_link, pack = sealer(_LINK), _TWO.pack
    return lambda link: seal_link(pack(message_id, link))


def read_link_token(token: str) -> LinkClaim:
    """Return the message's and the link's id.  Raises BadToken."""
    return LinkClaim(*_unpack(_TWO, _LINK, token))


def unsubscribe_token(workspace_id: int, contact_id: int, message_id: int) -> str:
    """Return the token of a message's unsubscribe URL."""
    return seal(_UNSUBSCRIBE, _THREE.pack(workspace_id, contact_id, message_id))


def read_unsubscribe_token(token: str) -> ContactClaim:
    """Return whose subscription it is.  Raises BadToken."""
    return ContactClaim(*_unpack(_THREE, _UNSUBSCRIBE, token))


def preferences_token(workspace_id: int, contact_id: int, message_id: int) -> str:
    """Return the token of a message's preferences URL."""
    return seal(_PREFERENCES, _THREE.pack(workspace_id, contact_id, message_id))


def read_preferences_token(token: str) -> ContactClaim:
    """Return whose preferences they are.  Raises BadToken."""
    return ContactClaim(*_unpack(_THREE, _PREFERENCES, token))


def view_token(message_id: int) -> str:
    """Return the token of a message's view in the browser."""
    return seal(_VIEW, _ONE.pack(message_id))


def read_view_token(token: str) -> int:
    """Return the message's id.  Raises BadToken."""
    (message_id,) = _unpack(_ONE, _VIEW, token)
    return message_id


def link_id(mailing_id: int, url: str) -> int:
    """Return the id of a link: 63 bits of a hash of mailing and URL, known before its row is written."""
    digest = blake2b(url.encode(), key=_ONE.pack(mailing_id), digest_size=8).digest()
    return int.from_bytes(digest) & _LINK_ID_MASK


def _unpack(layout: struct.Struct, purpose: bytes, token: str) -> tuple[int, ...]:
    payload = unseal(purpose, token)
    if len(payload) != layout.size:
        raise BadToken("The token has another length.")
    return layout.unpack(payload)
