"""Questions to the DNS, with short patience: a person may be waiting for the answers."""

import ipaddress
import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename

type Address = IPv4Address | IPv6Address

# Of one question to one server, and of one question in all, in seconds.
TIMEOUT = 2.0
LIFETIME = 4.0


class DnsError(Exception):
    """The DNS gave no answer (a server failed or stayed silent), which says nothing about the name."""


class Dns:
    """Asks each question once.  "No such name" and "no such record" are empty answers; only a failure raises DnsError."""

    def __init__(self, servers: Sequence[tuple[str, int]] = (), *, budget: float = 12.0) -> None:
        """`servers` are (address, port), else the machine's own; after `budget` seconds in all nothing is asked any more."""
        self._servers = servers
        self._ends = time.monotonic() + budget
        self._answers: dict[tuple[str, str], list[Any] | DnsError] = {}
        self._resolver: dns.resolver.Resolver | None = None

    def texts(self, name: str) -> list[str]:
        """Return a name's TXT records, each one's strings joined."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self._ask(name, "TXT")]

    def addresses(self, name: str) -> list[Address]:
        """Return a name's IPv4 and IPv6 addresses."""
        found = [*self._ask(name, "A"), *self._ask(name, "AAAA")]
        return [ipaddress.ip_address(record.address) for record in found]

    def exchangers(self, name: str) -> list[str]:
        """Return a domain's mail exchangers, the preferred first; [""] when it says that it takes no mail (RFC 7505)."""
        records = sorted(self._ask(name, "MX"), key=lambda record: record.preference)
        return [record.exchange.to_text(omit_final_dot=True).rstrip(".") for record in records]

    def names_of(self, address: Address) -> list[str]:
        """Return the names that an address's PTR records give."""
        name = dns.reversename.from_address(str(address)).to_text()
        return [record.target.to_text(omit_final_dot=True).lower() for record in self._ask(name, "PTR")]

    def _ask(self, name: str, kind: str) -> list[Any]:
        known = self._answers.get((name, kind))
        if known is None:
            try:
                known = self._look_up(name, kind)
            except DnsError as error:
                known = error
            self._answers[name, kind] = known
        if isinstance(known, DnsError):
            raise known
        return known

    def _look_up(self, name: str, kind: str) -> list[Any]:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise DnsError("The DNS answered too slowly.")
        try:
            whole = dns.name.from_text(name if name.endswith(".") else f"{name}.")
        except dns.exception.DNSException:
            return []  # not a name, so nothing is there
        try:
            answer = self._own_resolver().resolve(whole, kind, search=False, lifetime=min(left, LIFETIME))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.Timeout as error:
            raise DnsError(f"The DNS did not answer in time when asked for {name}.") from error
        except (dns.exception.DNSException, OSError) as error:
            raise DnsError(f"The DNS failed when asked for {name}.") from error
        return list(answer)

    def _own_resolver(self) -> dns.resolver.Resolver:
        if self._resolver is None:
            self._resolver = dns.resolver.Resolver(configure=not self._servers)
            if self._servers:
                self._resolver.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in self._servers]
            self._resolver.timeout = TIMEOUT
        return self._resolver
