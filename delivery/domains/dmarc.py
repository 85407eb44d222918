"""DMARC (RFC 9989): the policy that holds for a domain."""

from dataclasses import dataclass

from delivery.dkim.records import RecordError, parse_tags
from delivery.domains.names import parents_of
from delivery.domains.resolving import Dns

POLICIES = ("none", "quarantine", "reject")


class DmarcError(Exception):
    """The record is one that receivers ignore; says why."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What receivers are asked to do with mail that fails; `domain` is where the record stands.

    `strict_dkim`, `strict_spf`: the signing and the envelope's domain must be the very one of the From address.
    """

    domain: str
    text: str
    action: str
    strict_dkim: bool
    strict_spf: bool
    reports_to: str


def read_dmarc(dns: Dns, domain: str) -> Policy | None:
    """Return the policy for a domain, its own or one of a domain above it; None when there is none.

    Raises DmarcError when the record can't be used, DnsError when the DNS gives no answer.
    """
    for name in [domain, *parents_of(domain)]:
        found = [text for text in dns.texts(f"_dmarc.{name}") if text.strip().lower().startswith("v=dmarc1")]
        if len(found) > 1:
            raise DmarcError(f"_dmarc.{name} has {len(found)} DMARC records; receivers then use none of them.")
        if found:
            return _policy(name, found[0], own=name == domain)
    return None


def _policy(name: str, text: str, *, own: bool) -> Policy:
    try:
        tags = parse_tags(text)
    except RecordError as error:
        raise DmarcError(f"The record of _dmarc.{name} can't be read: {error}") from error
    action = tags.get("p", "").lower()
    if action not in POLICIES:
        raise DmarcError(f"The record of _dmarc.{name} has no policy (p=none, quarantine or reject).")
    if not own and tags.get("sp", "").lower() in POLICIES:
        action = tags["sp"].lower()
    return Policy(
        domain=name,
        text=text,
        action=action,
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        reports_to=tags.get("rua", ""),
    )
