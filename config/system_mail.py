"""The server of the system's own mail (invitations, password resets), given as a URL."""

from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit

# The scheme says how the connection is secured, and with it the usual port.
SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
TIMEOUT = 20


@dataclass(frozen=True, slots=True)
class SystemMail:
    """A mail server; `scheme` is one of SCHEMES, TLS certificates are always checked."""

    scheme: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """The server as people may see it: without the password."""
        user = f"{self.username}@" if self.username else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{user}{host}:{self.port}"

    def mailer(self) -> dict[str, Any]:
        """Return an entry of Django's MAILERS."""
        options: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password,
            "use_tls": self.scheme == "smtp+starttls",
            "use_ssl": self.scheme == "smtps",
            "timeout": TIMEOUT,
        }
        return {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}


def system_mail(url: str) -> SystemMail:
    """Turn `smtp+starttls://user:password@host:587` into a server; user and password percent-encoded where needed.

    Raises ValueError, its text the end of a sentence without the password, if it is no such URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("has a malformed host or port") from None
    if parts.scheme not in SCHEMES:
        raise ValueError(f"must start with {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    if not parts.hostname or port == 0:
        raise ValueError("must name a host, as in smtp+starttls://user:password@mail.example.com:587")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end after host and port; percent-encode /, ?, # and @ in user and password")
    if bool(parts.username) != bool(parts.password):
        raise ValueError("needs both user and password, or neither")
    if parts.username and parts.scheme == "smtp":
        raise ValueError("would send its password in the clear; use smtp+starttls:// or smtps:// with a login")
    return SystemMail(
        parts.scheme,
        parts.hostname,
        port or SCHEMES[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def sender(text: str) -> str:
    """Return a From header as it can be used.  Raises ValueError, its text the end of a sentence, for what is no address."""
    name, address = parseaddr(text)
    try:
        checked = Address(display_name=name, addr_spec=address)
    except Exception:  # noqa: BLE001 - the parser raises all sorts
        checked = None
    if checked is None or not checked.username or not checked.domain or "\n" in text or "\r" in text:
        raise ValueError("must be an address like Drumbeat <drumbeat@example.com>")
    return str(checked)
