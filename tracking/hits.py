"""A hit: one request for a pixel or a link, as it travels from the endpoint to the event store.

Its id is the moment in milliseconds (42 bits) before a counter (21 bits), so it sorts by time and leads to its partition.
Id and moment together are the event's key, so a hit that is written twice, to Redis and to PostgreSQL say, counts once.
"""

import itertools
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core import clock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
COUNTER_BITS = 21
USER_AGENT_BYTES = 400

HEAD = 1
PREFETCH = 2

_FORMAT = 1
_RECORD = struct.Struct("<BqqqqBB")


class UnreadableHitError(ValueError):
    """The bytes in the buffer are not a hit of this version."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One request.  `at` is in microseconds since 1970 in UTC; `link_id` is 0 for the pixel; `flags` are HEAD, PREFETCH."""

    id: int
    at: int
    message_id: int
    link_id: int
    flags: int = 0
    ip: str = ""
    user_agent: str = ""

    @property
    def is_click(self) -> bool:
        return self.link_id != 0

    @property
    def occurred_at(self) -> datetime:
        return moment(self.at)


def micros(at: datetime) -> int:
    """Return a moment as microseconds since 1970, exactly."""
    return (at - EPOCH) // MICROSECOND


def moment(at: int) -> datetime:
    """Return microseconds since 1970 as a moment in UTC, exactly."""
    return EPOCH + timedelta(microseconds=at)


def now() -> int:
    """Return the current moment in microseconds since 1970."""
    return round(clock.now().timestamp() * 1_000_000)


def id_generator(start: int | None = None) -> Callable[[int], int]:
    """Return a function that makes the id of a hit from its moment in microseconds.

    Each process has its own, its counter starting anywhere: two processes would have to give the same counter in the same
    microsecond to make the same key.
    """
    mask = (1 << COUNTER_BITS) - 1
    counter = itertools.count(int.from_bytes(os.urandom(4)) if start is None else start)

    def new_id(at: int) -> int:
        return (at // 1000) << COUNTER_BITS | (next(counter) & mask)

    return new_id


new_id = id_generator()


def period_of(event_id: int) -> tuple[datetime, datetime]:
    """Return the millisecond [from, to) in which the event with this id happened, by which its partition is found."""
    start = moment((event_id >> COUNTER_BITS) * 1000)
    return start, start + timedelta(milliseconds=1)


def encode(hit: Hit) -> bytes:
    """Return the hit as it is kept in the buffer."""
    ip = hit.ip.encode()
    record = _RECORD.pack(_FORMAT, hit.id, hit.at, hit.message_id, hit.link_id, hit.flags, len(ip))
    return record + ip + hit.user_agent.encode()[:USER_AGENT_BYTES]


def decode(data: bytes) -> Hit:
    """Return the hit that `encode` or the endpoint packed.  Raises UnreadableHitError.

    An address that is none is dropped, and so is what neither UTF-8 nor PostgreSQL's text can hold in a user agent.
    """
    try:
        version, event_id, at, message_id, link_id, flags, size = _RECORD.unpack_from(data)
    except struct.error as error:
        raise UnreadableHitError("The record is too short.") from error
    if version != _FORMAT:
        raise UnreadableHitError(f"Version {version} is not known.")
    ip = data[_RECORD.size : _RECORD.size + size].decode("ascii", "replace")
    agent = data[_RECORD.size + size :][:USER_AGENT_BYTES].decode("utf-8", "replace").replace("\0", "")
    return Hit(event_id, at, message_id, link_id, flags, _address(ip) if ip else "", agent)


def pack(event_id: int, at: int, message_id: int, link_id: int, flags: int, ip: bytes, user_agent: bytes) -> bytes:
    """Return what `encode` returns, from the raw values that the endpoint has (the hot path)."""
    record = _RECORD.pack(_FORMAT, event_id, at, message_id, link_id, flags, len(ip))
    return record + ip + user_agent[:USER_AGENT_BYTES]


def _address(text: str) -> str:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return ""
    return text
