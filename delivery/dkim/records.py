"""The TXT record that publishes a key (RFC 6376, section 3.6.1)."""

import re
from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass

from delivery.dkim.keys import Algorithm

# RFC 1035: a character string of a TXT record holds at most 255 octets; a verifier joins them without a space.
_LONGEST_STRING = 255
_WHITE = re.compile(r"[ \t\r\n]+")


class RecordError(ValueError):
    """The text is not a key record that a verifier would accept; says why."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A published key.  `revoked`: p= is empty.  `testing`: t=y, verifiers treat the mail as unsigned."""

    algorithm: str
    public: str
    revoked: bool = False
    testing: bool = False


def record_name(selector: str, domain: str) -> str:
    """Return the name under which a selector's key is published."""
    return f"{selector}._domainkey.{domain}"


def record_text(algorithm: Algorithm, public: str) -> str:
    """Return the text of a key's record, unsplit."""
    return f"v=DKIM1; k={algorithm.value}; p={public}"


def split_strings(text: str) -> list[str]:
    """Return a TXT record's text as the strings that it must be cut into."""
    return [text[at : at + _LONGEST_STRING] for at in range(0, len(text), _LONGEST_STRING)] or [""]


def zone_text(text: str) -> str:
    """Return a TXT record's value as a zone file wants it: quoted strings."""
    return " ".join(f'"{part}"' for part in split_strings(text))


def parse_tags(text: str) -> dict[str, str]:
    """Return a tag list (RFC 6376, section 3.2) by lower-case name.  Raises RecordError when it is none."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not name:
            raise RecordError(f"“{part.strip()[:40]}” is not a tag.")
        if name in tags:
            raise RecordError(f"The tag {name}= stands in it twice.")
        tags[name] = value.strip()
    return tags


def parse_record(text: str) -> KeyRecord:
    """Read a published key record.  Raises RecordError."""
    tags = parse_tags(text)
    if tags.get("v", "DKIM1") != "DKIM1":
        raise RecordError(f"Its version is {tags['v'][:20]}, not DKIM1.")
    if "p" not in tags:
        raise RecordError("It has no key (p=).")
    public = _WHITE.sub("", tags["p"])
    try:
        decoded = b64decode(public, validate=True)
    except (Error, ValueError) as error:
        raise RecordError("Its key is not base64; something was lost when it was copied.") from error
    hashes = tags.get("h", "")
    if hashes and "sha256" not in {name.strip().lower() for name in hashes.split(":")}:
        raise RecordError("It forbids sha256 (h=), which every signature uses.")
    services = {name.strip().lower() for name in tags.get("s", "*").split(":")}
    if not services & {"*", "email"}:
        raise RecordError("It is not for email (s=).")
    flags = {flag.strip().lower() for flag in tags.get("t", "").split(":")}
    return KeyRecord(
        algorithm=tags.get("k", "rsa").strip().lower(),
        public=b64encode(decoded).decode(),
        revoked=not decoded,
        testing="y" in flags,
    )
