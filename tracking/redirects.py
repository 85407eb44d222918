"""The Location of a redirect: only http(s), only what a header and a URL can hold."""

from urllib.parse import quote, urlsplit, urlunsplit

SCHEMES = ("http", "https")
# What may stand in a URL unescaped (RFC 3986: reserved, unreserved) and the escape character itself.
_PLAIN = "!#$%&'()*+,/:;=?@[]~-._"


class UnsafeTargetError(ValueError):
    """The stored URL is nothing a browser may be sent to."""


def location_of(url: str) -> bytes:
    """Return the stored URL as the value of a Location header, anything but ASCII escaped (RFC 3987, section 3.1).

    Raises UnsafeTargetError for other schemes, a URL without host, and control characters.
    """
    text = url.strip()
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise UnsafeTargetError("The URL holds a control character.")
    try:
        parts = urlsplit(text)
        host = parts.hostname
        netloc = parts.netloc if parts.netloc.isascii() else _ascii_netloc(parts.netloc, host or "")
    except ValueError as error:
        raise UnsafeTargetError("The URL can't be read.") from error
    if parts.scheme.lower() not in SCHEMES or not host:
        raise UnsafeTargetError("Only http and https URLs with a host can be followed.")
    return quote(urlunsplit(parts._replace(netloc=netloc)), safe=_PLAIN).encode("ascii")


def _ascii_netloc(netloc: str, host: str) -> str:
    """Write an international host name in its ASCII form (a UnicodeError, which is a ValueError, if it has none)."""
    start = netloc.lower().rindex(host)
    return netloc[:start] + host.encode("idna").decode("ascii") + netloc[start + len(host) :]
