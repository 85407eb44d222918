"""Domains as names: in ASCII, lower case, and their parents."""

from delivery.compose.addresses import BadRecipientError, ascii_domain

__all__ = ["BadRecipientError", "domain_of", "parents_of"]

# RFC 9989 (DMARC), section 4.10: a policy is looked for at no more names than this.
_WALK = 8


def domain_of(address: str) -> str:
    """Return the domain of an email address, or a domain as it is, in ASCII.  Raises BadRecipientError."""
    name = ascii_domain(address.rpartition("@")[2].strip().rstrip(".")).lower()
    if "." not in name:
        raise BadRecipientError(f"{name!r} is not a public domain.")
    return name


def parents_of(domain: str) -> list[str]:
    """Return the names above a domain where its DMARC policy may stand, the nearest first; never a top-level domain."""
    labels = domain.split(".")
    above = [".".join(labels[start:]) for start in range(1, len(labels) - 1)]
    return above[-(_WALK - 1) :] if len(above) >= _WALK else above
