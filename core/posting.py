"""One POST to an address that somebody else chose: never to a private one, never for long, never much.

The name is resolved once and the connection goes to the address that was checked, so that a name that changes its mind in
between (DNS rebinding) leads nowhere.  Redirects are not followed.
"""

import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings

TIMEOUT = 10.0
CONNECT_TIMEOUT = 5.0
MOST_READ = 16_384
# IPv4 addresses as IPv6 ones (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")


class PostError(Exception):
    """The request could not be made, or got no answer; the text says why.  `timed_out`: the other side took too long."""

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of an answer, and the beginning of its text."""

    status: int
    text: str

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float = TIMEOUT) -> Answer:
    """POST `body` to an http or https URL and return the answer.  Raises PostError; takes no longer than `timeout` seconds."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    deadline = time.monotonic() + timeout
    sock = _connect(host, parts.port or (443 if secure else 80), deadline)
    # A server that sends a byte now and then never runs into a socket's timeout: the watch cuts the line.
    expired, line = threading.Event(), socket.socket(fileno=os.dup(sock.fileno()))
    watch = threading.Timer(max(deadline - time.monotonic(), 0.01), _cut, [line, expired])
    watch.daemon = True
    watch.start()
    try:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
        sock = _tls().wrap_socket(sock, server_hostname=host) if secure else sock
        connection.sock = sock
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {**headers, "Host": parts.netloc, "Connection": "close"})
        response = connection.getresponse()
        text = response.read(MOST_READ).decode("utf-8", "replace")
        if expired.is_set():  # an answer that was cut off looks like a short one
            raise TimeoutError
        return Answer(response.status, text)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if expired.is_set() or isinstance(error, TimeoutError):
            raise PostError(f"No answer within {timeout:g} seconds.", timed_out=True) from error
        raise PostError(f"The connection failed: {str(error) or type(error).__name__}.") from error
    finally:
        watch.cancel()
        line.close()
        sock.close()


def url_problem(url: str) -> str:
    """Say why webhooks can't go to this address; empty if they can, as far as its text tells."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not url.isascii() or not url.isprintable() or " " in url:
        return "This must be an address like https://example.com/hook."
    if parts.username or parts.password:
        return "An address has no user or password here; requests are signed."
    return ""


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public Internet."""
    ip = ip_address(address.partition("%")[0])
    if ip.version == 6:
        inner = ip.ipv4_mapped or ip.sixtofour
        inner = IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else inner
        if inner is not None and not is_public(str(inner)):
            return False
    return ip.is_global and not ip.is_multicast


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PostError(f"The name {host} can't be resolved.") from error
    addresses = list(dict.fromkeys((family, str(address[0]), address) for family, *_, address in found))
    if not settings.WEBHOOKS_TO_PRIVATE_ADDRESSES and not all(is_public(ip) for _, ip, _ in addresses):
        raise PostError(f"{host} is in a private network, where webhooks don't go.")
    failure: OSError | None = None
    for family, _, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(max(min(CONNECT_TIMEOUT, deadline - time.monotonic()), 0.01))
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            sock.settimeout(max(deadline - time.monotonic(), 0.01))
            return sock
    raise PostError(
        f"{host} can't be reached: {failure.strerror or failure if failure else 'no address'}.",
        timed_out=isinstance(failure, TimeoutError),
    )


def _cut(sock: socket.socket, expired: threading.Event) -> None:
    expired.set()
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
