"""Addresses as they go into SMTP commands and headers."""

import re
from functools import lru_cache
from typing import NamedTuple

import idna

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_PLAIN = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
# The same with letters beyond ASCII (RFC 6531): no controls, spaces or specials can get in.
_ATEXT_UTF8 = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\xa0\s\u2028\u2029\ud800-\udfff])"
_LOCAL_UTF8 = re.compile(rf"{_ATEXT_UTF8}+(?:\.{_ATEXT_UTF8}+)*")


class BadRecipientError(ValueError):
    """Not an address that mail can be sent to."""


class WireAddress(NamedTuple):
    """An address with its domain in ASCII; `utf8`: its local part needs SMTPUTF8."""

    address: str
    utf8: bool


def wire_address(email: str) -> WireAddress:
    """Return an address for the wire.  Raises BadRecipientError; nothing that could end a line or a path gets through."""
    if _PLAIN.fullmatch(email):
        return WireAddress(email, utf8=False)
    local, _, domain = email.rpartition("@")
    if not _LOCAL_UTF8.fullmatch(local):
        raise BadRecipientError(f"{email!r} is not an address.")
    return WireAddress(f"{local}@{ascii_domain(domain)}", utf8=not local.isascii())


@lru_cache(maxsize=4096)
def ascii_domain(domain: str) -> str:
    """Return a domain as A-labels (IDNA 2008).  Raises BadRecipientError."""
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise BadRecipientError(f"{domain!r} is not a domain.") from error
