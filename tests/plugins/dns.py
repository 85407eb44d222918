"""A real name server on loopback, over UDP and TCP, that answers what a test tells it to."""

import socketserver
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from django.conf import LazySettings

from delivery.dkim.records import zone_text


@dataclass
class NameServer:
    """`put` publishes; names in `failing` get SERVFAIL, those in `silent` no answer at all; `asked` lists the questions."""

    port: int = 0
    records: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    failing: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def put(self, name: str, kind: str, *values: str) -> None:
        """Publish records, instead of those that were there; a TXT is given as its text and cut into strings here."""
        self.records[name.lower(), kind] = [zone_text(value) if kind == "TXT" else value for value in values]

    def answer(self, wire: bytes, *, limit: int = 65_535) -> bytes | None:
        """Return the reply to a query; over UDP a long one is cut short, as by real servers."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA | dns.flags.RA
        found = self.records.get((name, kind), [])
        if name in self.failing:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif found:
            reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, found))
        elif not any(known == name for known, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if len(reply.to_wire(max_size=65_535)) > limit:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
        return reply.to_wire(max_size=65_535)


class _Datagram(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, socket = self.request
        server: Any = self.server
        if reply := server.names.answer(wire, limit=1232):
            socket.sendto(reply, self.client_address)


class _Stream(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        (length,) = struct.unpack("!H", self.rfile.read(2))
        server: Any = self.server
        if reply := server.names.answer(self.rfile.read(length)):
            self.wfile.write(struct.pack("!H", len(reply)) + reply)


def _serve(names: NameServer) -> list[socketserver.BaseServer]:
    """Listen by UDP and TCP on one port."""
    for _ in range(20):
        udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), _Datagram)
        names.port = udp.server_address[1]
        try:
            tcp = socketserver.ThreadingTCPServer(("127.0.0.1", names.port), _Stream)
        except OSError:  # somebody has the TCP port of this number
            udp.server_close()
            continue
        break
    else:
        pytest.fail("No port is free for both UDP and TCP.")
    for server in (udp, tcp):
        server.daemon_threads = True
        server.names = names
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return [udp, tcp]


@pytest.fixture
def name_server(settings: LazySettings) -> Iterator[NameServer]:
    """Run a name server for one test; the checks of sending domains ask it."""
    names = NameServer()
    servers = _serve(names)
    settings.DNS_RESOLVERS = [("127.0.0.1", names.port)]
    yield names
    for server in servers:
        server.shutdown()
        server.server_close()
