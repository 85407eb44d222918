"""Email addresses: is it one, and when are two the same."""

import contextlib
import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

MAX_LENGTH = 320
MAX_LOCAL = 64
MAX_DOMAIN = 253

# RFC 5321's dot-string and a domain of letter-digit-hyphen labels whose last one ends in a letter: what nearly every address
# is made of, and nothing else. Quoted local parts, address literals and domains without a dot are refused.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LAST_LABEL = r"(?:[A-Za-z0-9][A-Za-z0-9-]{0,61})?[A-Za-z]"
_PLAIN = re.compile(
    rf"(?=.{{3,254}}\Z)(?=[^@]{{1,{MAX_LOCAL}}}@){_ATOM}(?:\.{_ATOM})*@(?!.*--)(?:{_LABEL}\.)+{_LAST_LABEL}\Z"
)


class BadAddressError(ValueError):
    """Not an address that mail can be sent to; the text says why."""


def check_address(address: str) -> str:
    """Return the address as it is kept: trimmed, its domain in lower case.

    ASCII addresses are checked here in about a microsecond; international ones (RFC 6531) by email-validator.
    Raises BadAddressError with a reason.
    """
    text = address.strip()
    if _PLAIN.match(text):
        local, _, domain = text.rpartition("@")
        return text if domain.islower() else f"{local}@{domain.lower()}"
    return _check_slowly(text)


def _check_slowly(text: str) -> str:
    if not text:
        raise BadAddressError("The address is empty.")
    if len(text) > MAX_LENGTH:
        raise BadAddressError("The address is too long.")
    if "@" not in text:
        raise BadAddressError("An address needs an @.")
    try:
        checked = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        raise BadAddressError(str(error)) from error
    return checked.normalized


def email_key(address: str) -> str:
    """Return the key by which an address is known: two addresses with the same key are the same person.

    Case-folded (also the local part, as every large provider does), in Unicode's composed form, an international domain
    in its ASCII form. Dots and +tags count: to most providers they make a difference.
    """
    if address.isascii():
        return address.lower()
    local, _, domain = unicodedata.normalize("NFC", address.casefold()).rpartition("@")
    with contextlib.suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    return f"{local}@{domain}"
