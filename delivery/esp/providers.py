"""The providers that are known, and what each wants to be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anymail.backends.base_requests import AnymailRequestsBackend
from django.utils.module_loading import import_string

# Of connecting, and of the answer, in seconds.
TIMEOUT = (10, 30)


@dataclass(frozen=True, slots=True)
class Provider:
    """`key_argument` is what the backend calls the API key, `domain_argument` the sending domain ("" if it asks for none).

    `host` is where its API lives; `regions` are other addresses of it. `headers` are put on every message.
    """

    key: str
    label: str
    backend: str
    key_argument: str
    host: str
    domain_argument: str = ""
    regions: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    # A GET that sends nothing, and the headers that show the key to it; without headers the key is a password (RFC 7617).
    probe: str = ""
    probe_headers: Mapping[str, str] = field(default_factory=dict)


PROVIDERS: tuple[Provider, ...] = (
    # It puts its own Message-ID on mail unless it is asked not to; ours keeps threads and resends together.
    Provider(
        "postmark",
        "Postmark",
        "anymail.backends.postmark.EmailBackend",
        "server_token",
        "api.postmarkapp.com",
        headers={"X-PM-KeepID": "true"},
        probe="server",
        probe_headers={"X-Postmark-Server-Token": "{key}", "Accept": "application/json"},
    ),
    Provider(
        "sendgrid",
        "SendGrid",
        "anymail.backends.sendgrid.EmailBackend",
        "api_key",
        "api.sendgrid.com",
        regions={"eu": "https://api.eu.sendgrid.com/v3/"},
        probe="scopes",
        probe_headers={"Authorization": "Bearer {key}"},
    ),
    Provider(
        "mailgun",
        "Mailgun",
        "anymail.backends.mailgun.EmailBackend",
        "api_key",
        "api.mailgun.net",
        domain_argument="sender_domain",
        regions={"eu": "https://api.eu.mailgun.net/v3"},
        probe="domains/{domain}",
    ),
)


def provider_of(key: str) -> Provider | None:
    """Return the provider with this key, if there is one."""
    return next((provider for provider in PROVIDERS if provider.key == key), None)


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a provider: what a mailbox sends through.  `region` "" is the provider's own default."""

    provider: Provider
    api_key: str = field(repr=False)
    domain: str = ""
    region: str = ""

    def backend(self) -> AnymailRequestsBackend:
        """Return a backend of this account, without an open connection."""
        arguments: dict[str, Any] = {self.provider.key_argument: self.api_key, "timeout": TIMEOUT}
        if self.provider.domain_argument and self.domain:
            arguments[self.provider.domain_argument] = self.domain
        if self.region:
            arguments["api_url"] = self.provider.regions[self.region]
        made: AnymailRequestsBackend = import_string(self.provider.backend)(**arguments)
        return made
