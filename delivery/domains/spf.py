"""SPF (RFC 7208): a domain's record with everything that it includes, and what it says of an address.

A receiver stops at the mechanism that matches; here the whole tree is read, so that the limit of lookups is judged by the
mail that costs the most.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from delivery.domains.resolving import Address, Dns

type Network = IPv4Network | IPv6Network
type Verdict = Literal["pass", "fail", "softfail", "neutral"]

# Section 4.6.4: more of these are a permanent error for every receiver.
MAX_LOOKUPS = 10
MAX_VOID_LOOKUPS = 2
# Where a tree without end is given up.
_READ_AT_MOST = 30
_DEEPEST = 10
_VERDICTS: dict[str, Verdict] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_TERM = re.compile(r"([+?~-]?)([A-Za-z0-9]+)(?:[:](.*?))?(?:/(\d{1,3}))?(?://(\d{1,3}))?", re.DOTALL)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)", re.DOTALL)


class SpfError(Exception):
    """The record is one that every receiver rejects (permerror); says why."""


@dataclass(slots=True)
class Directive:
    """One mechanism: what it matches, and its verdict then."""

    verdict: Verdict
    kind: str
    target: str = ""
    networks: list[Network] = field(default_factory=list)
    included: "Record | None" = None


@dataclass(slots=True)
class Record:
    """One domain's record."""

    domain: str
    text: str
    directives: list[Directive] = field(default_factory=list)
    redirect: "Record | None" = None

    def judge(self, address: Address) -> Verdict:
        """Return what the record says of mail from an address; mechanisms with macros or ptr match nothing here."""
        for directive in self.directives:
            if _matches(directive, address):
                return directive.verdict
        return self.redirect.judge(address) if self.redirect is not None else "neutral"

    def includes(self, domain: str) -> bool:
        """Tell whether the record takes in another domain's, at any depth."""
        return any(domain.lower() == record.domain for record in self.below())

    @property
    def catch_all(self) -> Verdict:
        """What it says of an address that nothing in it names."""
        for directive in self.directives:
            if directive.kind == "all":
                return directive.verdict
        return self.redirect.catch_all if self.redirect is not None else "neutral"

    def below(self) -> "list[Record]":
        found: list[Record] = []
        for record in [*(directive.included for directive in self.directives), self.redirect]:
            if record is not None:
                found += [record, *record.below()]
        return found


@dataclass(slots=True)
class Tree:
    """A domain's record with what reading it cost."""

    record: Record
    lookups: int
    void_lookups: int

    @property
    def has_too_many_lookups(self) -> bool:
        return self.lookups > MAX_LOOKUPS or self.void_lookups > MAX_VOID_LOOKUPS


def read_spf(dns: Dns, domain: str) -> Tree | None:
    """Read a domain's SPF record and all it includes; None when it has none.

    Raises SpfError when receivers can't use it, DnsError when the DNS gives no answer.
    """
    reading = _Reading(dns)
    record = reading.record_of(domain, depth=0)
    return None if record is None else Tree(record, reading.lookups, reading.void_lookups)


class _Reading:
    def __init__(self, dns: Dns) -> None:
        self._dns = dns
        self.lookups = 0
        self.void_lookups = 0

    def record_of(self, domain: str, *, depth: int) -> Record | None:
        found = [
            text for text in self._dns.texts(domain) if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")
        ]
        if len(found) > 1:
            raise SpfError(f"{domain} has {len(found)} SPF records; only one is allowed.")
        if not found:
            return None
        record = Record(domain.lower(), found[0])
        redirect = ""
        for term in found[0].split()[1:]:
            if modifier := _MODIFIER.fullmatch(term):
                if modifier[1].lower() == "redirect":
                    if redirect:
                        raise SpfError(f"The record of {domain} has two redirects.")
                    redirect = modifier[2]
                continue
            record.directives.append(self._directive(term, domain, depth))
        if redirect and all(directive.kind != "all" for directive in record.directives):
            record.redirect = self._other(redirect, domain, depth, "redirects to")
        return record

    def _directive(self, term: str, domain: str, depth: int) -> Directive:
        match = _TERM.fullmatch(term)
        kind = match[2].lower() if match else ""
        if match is None or kind not in ("all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"):
            raise SpfError(f"“{term[:60]}” in the record of {domain} is no mechanism of SPF.")
        directive = Directive(_VERDICTS[match[1] or "+"], kind, match[3] or "")
        if kind in ("ip4", "ip6"):
            directive.networks = [_network(term, kind, domain)]
        elif kind == "include":
            directive.included = self._other(directive.target, domain, depth, "includes")
        elif kind in ("a", "mx"):
            target = directive.target or domain
            directive.networks = self._networks(kind, target, int(match[4] or 32), int(match[5] or 128))
        elif kind in ("ptr", "exists"):
            self._count()
        return directive

    def _other(self, target: str, domain: str, depth: int, verb: str) -> Record | None:
        self._count()
        if "%" in target:
            return None
        if not target or depth >= _DEEPEST:
            raise SpfError(f"The record of {domain} {verb} {target or 'nothing'}, which leads nowhere.")
        found = self.record_of(target.rstrip("."), depth=depth + 1)
        if found is None:
            raise SpfError(f"The record of {domain} {verb} {target}, which has no SPF record.")
        return found

    def _networks(self, kind: str, target: str, v4: int, v6: int) -> list[Network]:
        self._count()
        if "%" in target:
            return []
        hosts = self._dns.exchangers(target) if kind == "mx" else [target]
        if len(hosts) > MAX_LOOKUPS:
            raise SpfError(f"{target} has {len(hosts)} mail exchangers; SPF allows {MAX_LOOKUPS}.")
        addresses = [address for host in hosts if host for address in self._dns.addresses(host)]
        if not addresses:
            self.void_lookups += 1
        return [_around(address, v4 if address.version == 4 else v6) for address in addresses]

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > _READ_AT_MOST:
            raise SpfError(f"It needs more than {_READ_AT_MOST} lookups; receivers stop after {MAX_LOOKUPS}.")


def _matches(directive: Directive, address: Address) -> bool:
    if directive.kind == "all":
        return True
    if directive.included is not None:
        return directive.included.judge(address) == "pass"
    return any(address in network for network in directive.networks)


def _network(term: str, kind: str, domain: str) -> Network:
    text = term.partition(":")[2]
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or network.version != int(kind[2]):
        raise SpfError(f"“{term[:60]}” in the record of {domain} is no network.")
    return network


def _around(address: Address, prefix: int) -> Network:
    return ipaddress.ip_network(f"{address}/{min(prefix, address.max_prefixlen)}", strict=False)


def suggest(record: str | None, terms: Sequence[str]) -> str:
    """Return the record with these terms put before its closing `all`, or a new one."""
    if record is None:
        return " ".join(["v=spf1", *terms, "~all"])
    words = record.split()
    missing = [term for term in terms if term not in words]
    at = next(
        (i for i, word in enumerate(words) if re.fullmatch(r"[+?~-]?all|redirect=.*", word, re.IGNORECASE)), len(words)
    )
    return " ".join([*words[:at], *missing, *words[at:]])
