"""The tracking endpoint: pixels and links, bare ASGI, served beside Django at TRACKING_URL.

A hit is answered when it is safe (`tracking.recorder`). A token that was tampered with is a 404 and changes nothing.
A person who follows a link gets there even if the hit can't be kept.
"""

import logging
import os
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

from core.sealing import BadToken
from delivery.tokens import read_link_token, read_open_token
from tracking.addresses import TrustedProxies
from tracking.hits import HEAD, PREFETCH, new_id, now, pack
from tracking.links import LinkDirectory, LookupUnavailableError
from tracking.recorder import NotRecordedError, Recorder

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

logger = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
POOL_SIZE = 4
POOL_SECONDS = 3.0

_COMMON: Headers = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"x-content-type-options", b"nosniff"),
]


def _body(content_type: bytes, body: bytes) -> Headers:
    return [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *_COMMON]


_PIXEL_HEADERS: Headers = [*_body(b"image/gif", PIXEL), (b"cross-origin-resource-policy", b"cross-origin")]


def _message(status: int, text: str, *headers: tuple[bytes, bytes]) -> tuple[int, Headers, bytes]:
    body = text.encode() + b"\n"
    return status, [*_body(b"text/plain; charset=utf-8", body), *headers], body


_OK = _message(200, "ok")
_ROBOTS = _message(200, "User-agent: *\nDisallow: /")
_NOT_FOUND = _message(404, "There is nothing at this address.")
_NOT_ALLOWED = _message(405, "Only GET and HEAD are answered here.", (b"allow", b"GET, HEAD"))
_UNAVAILABLE = _message(503, "Please try again in a moment.", (b"retry-after", b"5"))

_PREFETCH_HEADERS = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")


@dataclass(frozen=True, slots=True)
class _Connections:
    """What belongs to the event loop that serves the application."""

    pool: AsyncConnectionPool
    recorder: Recorder
    links: LinkDirectory


class TrackingEndpoint:
    """The ASGI application; its connections are made at the server's start (lifespan)."""

    def __init__(self) -> None:
        self._proxies = TrustedProxies(settings.TRUSTED_PROXIES)
        self._open: _Connections | None = None

    @property
    def _connections(self) -> _Connections:
        if self._open is None:
            raise RuntimeError("The server has to run the application's lifespan.")
        return self._open

    async def start(self) -> None:
        """Open the connections.  A server that is down is tried again later; nothing fails here."""
        pool = AsyncConnectionPool(
            _conninfo(), kwargs={"autocommit": True}, min_size=0, max_size=POOL_SIZE, timeout=POOL_SECONDS, open=False
        )
        await pool.open(wait=False)
        recorder = Recorder(redis_url=settings.REDIS_URL, pool=pool)
        await recorder.start()
        self._open = _Connections(pool, recorder, LinkDirectory(pool))

    async def stop(self) -> None:
        """Bring what waits to safety and close the connections."""
        if self._open is not None:
            await self._open.recorder.stop()
            await self._open.pool.close()
            self._open = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Scope, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        is_head = method == "HEAD"
        if not is_head and method != "GET":
            status, headers, body = _NOT_ALLOWED
        elif path.startswith("/o/"):
            status, headers, body = await self._pixel(path[3:], scope, is_head)
        elif path.startswith("/l/"):
            status, headers, body = await self._link(path[3:], scope, is_head)
        else:
            status, headers, body = {"/healthz": _OK, "/robots.txt": _ROBOTS}.get(path, _NOT_FOUND)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_head else body})

    async def _pixel(self, token: str, scope: Scope, is_head: bool) -> tuple[int, Headers, bytes]:
        try:
            message_id = read_open_token(token)
        except BadToken:
            return _NOT_FOUND
        try:
            await self._record(message_id, 0, scope, is_head)
        except NotRecordedError:
            return _UNAVAILABLE
        return 200, _PIXEL_HEADERS, PIXEL

    async def _link(self, token: str, scope: Scope, is_head: bool) -> tuple[int, Headers, bytes]:
        try:
            message_id, link_id = read_link_token(token)
        except BadToken:
            return _NOT_FOUND
        links = self._connections.links
        try:
            location = links.known(link_id) or await links.find(link_id)
        except LookupUnavailableError:
            logger.exception("Link %d can't be looked up.", link_id)
            return _UNAVAILABLE
        if location is None:
            return _NOT_FOUND
        try:
            await self._record(message_id, link_id, scope, is_head)
        except NotRecordedError:
            logger.warning("A click on link %d is followed, but not kept.", link_id)
        return 302, [(b"location", location), (b"content-length", b"0"), *_COMMON], b""

    async def _record(self, message_id: int, link_id: int, scope: Scope, is_head: bool) -> None:
        agent, forwarded_for, flags = _read(scope["headers"])
        client = scope.get("client")
        peer = self._proxies.client(client[0] if client else "", forwarded_for)
        at = now()
        await self._connections.recorder.record(
            pack(new_id(at), at, message_id, link_id, flags | HEAD if is_head else flags, peer.encode(), agent)
        )


def _read(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes, int]:
    """Return user agent, X-Forwarded-For and flags."""
    agent = forwarded_for = b""
    flags = 0
    for name, value in headers:
        if name == b"user-agent":
            agent = value
        elif name == b"x-forwarded-for":
            forwarded_for = forwarded_for + b"," + value if forwarded_for else value
        elif name in _PREFETCH_HEADERS and (b"prefetch" in value.lower() or b"preview" in value.lower()):
            flags |= PREFETCH
    return agent, forwarded_for, flags


def _conninfo() -> str:
    database = settings.DATABASES["default"]
    return make_conninfo(
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        host=database["HOST"],
        port=database["PORT"],
        **database["OPTIONS"],
    )


application = TrackingEndpoint()
