"""Providers whose outgoing addresses are not those of the server that takes the mail, and what they ask for in SPF."""

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relay:
    """`host_suffix` is the end of its submission servers' names, `spf` the domain to include.

    `own_envelope`: it puts an envelope address of its own on the mail, so that SPF is judged by the provider's domain.
    """

    label: str
    host_suffix: str
    spf: str
    own_envelope: bool = False


RELAYS: tuple[Relay, ...] = (
    Relay("Google", "gmail.com", "_spf.google.com"),
    Relay("Microsoft 365", "office365.com", "spf.protection.outlook.com"),
    Relay("Microsoft 365", "protection.outlook.com", "spf.protection.outlook.com"),
    Relay("Fastmail", "fastmail.com", "spf.messagingengine.com"),
    Relay("Amazon SES", "amazonaws.com", "amazonses.com", own_envelope=True),
    Relay("SendGrid", "sendgrid.net", "sendgrid.net", own_envelope=True),
    Relay("SendGrid", "sendgrid.com", "sendgrid.net", own_envelope=True),
    Relay("Mailgun", "mailgun.net", "mailgun.org"),
    Relay("Mailgun", "mailgun.org", "mailgun.org"),
    Relay("Postmark", "postmarkapp.com", "spf.mtasv.net", own_envelope=True),
    Relay("Mailjet", "mailjet.com", "spf.mailjet.com", own_envelope=True),
)


def relay_of(host: str) -> Relay | None:
    """Return the provider that a server's name belongs to, if it is a known one."""
    name = host.lower().rstrip(".")
    return next(
        (relay for relay in RELAYS if name == relay.host_suffix or name.endswith(f".{relay.host_suffix}")), None
    )


def literal_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a server is given by, if it isn't a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
