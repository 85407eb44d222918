"""The address of whoever asks, behind any number of proxies of our own."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network


class TrustedProxies:
    """Networks whose X-Forwarded-For is believed."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Take networks such as 10.0.0.0/8 or single addresses.  Raises ValueError."""
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(network) for network in networks]
        self.trusts = lru_cache(maxsize=4096)(self._trusts)

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if parsed.version == 6 and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self._networks)

    def client(self, peer: str, forwarded_for: bytes) -> str:
        """Return the client's address: the last one in the header that none of our proxies has.

        `peer` is who holds the connection ("" on a Unix socket, which only a proxy of ours can reach). What a client wrote
        into the header itself stands to the left of what our proxies added, so reading from the right can't be fooled.
        """
        if not forwarded_for or (peer and not self.trusts(peer)):
            return peer
        address = peer
        for entry in reversed(forwarded_for.decode("ascii", "replace").split(",")):
            candidate = _without_port(entry.strip())
            try:
                ip_address(candidate)
            except ValueError:
                break
            address = candidate
            if not self.trusts(address):
                break
        return address


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
