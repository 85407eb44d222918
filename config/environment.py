"""Settings from the environment and `.env`: read once, checked, typed."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from config.database import database_settings
from config.dotenv import read_dotenv
from config.embedded.layout import Layout, layout_for, postgres_url, valkey_url
from config.secrets import ensure_secrets
from config.system_mail import SystemMail, sender, system_mail

DEFAULT_PORT = 8000
# Whose X-Forwarded-For is believed unless TRUSTED_PROXIES says otherwise.
OWN_MACHINE = ("127.0.0.0/8", "::1")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SECRET_KEY_MIN_LENGTH = 32
ENCRYPTION_KEY_BYTES = 32
LOG_FORMATS = ("text", "json")
_NAME_SERVER = re.compile(r"(?:\[(?P<bracketed>[^]]+)\]|(?P<address>[0-9.]+|[0-9A-Fa-f:]+))(?::(?P<port>\d{1,5}))?")
_REDIS_SCHEMES = ("redis", "rediss", "unix")
_RABBITMQ_SCHEMES = ("amqp", "amqps")
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")


class ConfigurationError(Exception):
    """A setting is missing or malformed; the text is one sentence for the person who starts Drumbeat."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything Drumbeat takes from outside.

    `port` is the web's; the tracking endpoint, the sandbox inbox's SMTP and its page take the next three by default.
    `broker_url` is what carries Celery's tasks: Redis unless a RabbitMQ is named.
    `layout` is where the embedded services live; `embedded_database` and `embedded_redis` tell whether they are used.
    `sandbox_inbox` tells whether the inbox that all mail goes to is started with Drumbeat; `demo` whether the first start
    loads the demo workspace.
    """

    database_url: str
    redis_url: str
    broker_url: str
    secret_key: str
    secret_key_fallbacks: tuple[str, ...]
    encryption_keys: tuple[str, ...]
    base_url: str
    tracking_url: str
    allowed_hosts: tuple[str, ...]
    email_sandbox: tuple[str, int] | None
    system_mail: SystemMail
    system_sender: str
    sentry_dsn: str | None
    ai_base_url: str | None
    ai_api_key: str | None
    ai_model: str | None
    web_workers: int
    workers: int
    log_level: str
    log_format: str
    metrics_token: str
    trusted_proxies: tuple[str, ...]
    event_retention_months: int
    host_away_minutes: int
    batch_retention_days: int
    attempt_retention_days: int
    fact_retention_days: int
    webhooks_to_private_addresses: bool
    dns_resolvers: tuple[tuple[str, int], ...]
    debug: bool
    host: str
    port: int
    tracking_port: int
    sandbox_port: int
    sandbox_web_port: int
    sandbox_inbox: bool
    demo: bool
    data_dir: Path
    layout: Layout
    embedded_database: bool
    embedded_redis: bool


def load_environment(environ: Mapping[str, str], root: Path) -> Environment:
    """Read and check every setting; `environ` wins over `root`/.env (or the file that ENV_FILE names).

    Without DATABASE_URL and REDIS_URL the URLs of the embedded servers under DATA_DIR are returned, whether they run or
    not, and absent secrets are made once and kept in DATA_DIR/secrets.env. An empty value counts as an absent one.

    Raises ConfigurationError, one sentence, at the first setting that is missing or malformed.
    """
    read = _Reader(environ, root)
    data_dir = Path(read.text("DATA_DIR", default="var")).expanduser()
    data_dir = data_dir if data_dir.is_absolute() else root / data_dir
    layout = layout_for(data_dir)
    embedded_database = read.optional("DATABASE_URL") is None
    embedded_redis = read.optional("REDIS_URL") is None
    if embedded_database:
        read.add_defaults(_secrets(data_dir, read))

    port = read.port("PORT", default=DEFAULT_PORT)
    tracking_port = read.port("TRACKING_PORT", default=port + 1)
    sandbox_port = read.port("SANDBOX_PORT", default=port + 2)
    sandbox_web_port = read.port("SANDBOX_WEB_PORT", default=port + 3)
    base_url = read.url("BASE_URL", default=f"http://localhost:{port}")
    tracking_url = read.url("TRACKING_URL", default=f"http://localhost:{tracking_port}")
    email_sandbox, sandbox_inbox = _sandbox(read, embedded_database, sandbox_port)
    ai_base_url, ai_api_key, ai_model = _ai(read)
    redis_url = _redis_url(read, layout)
    return Environment(
        database_url=_database_url(read, layout),
        redis_url=redis_url,
        broker_url=_broker_url(read, redis_url),
        secret_key=read.secret("SECRET_KEY"),
        secret_key_fallbacks=read.items("SECRET_KEY_FALLBACKS"),
        encryption_keys=_encryption_keys(read),
        base_url=base_url,
        tracking_url=tracking_url,
        allowed_hosts=read.items("ALLOWED_HOSTS") or _own_hosts(base_url, tracking_url),
        email_sandbox=email_sandbox,
        system_mail=_system_mail(read, email_sandbox),
        system_sender=_system_sender(read, base_url),
        sentry_dsn=read.url("SENTRY_DSN") if read.optional("SENTRY_DSN") else None,
        ai_base_url=ai_base_url,
        ai_api_key=ai_api_key,
        ai_model=ai_model,
        web_workers=read.count("WEB_WORKERS", default=min(os.cpu_count() or 1, 4)),
        workers=read.count("WORKERS", default=min(os.cpu_count() or 1, 4)),
        log_level=read.choice("LOG_LEVEL", LOG_LEVELS, default="INFO"),
        metrics_token=read.text("METRICS_TOKEN", default=""),
        log_format=read.choice("LOG_FORMAT", LOG_FORMATS, default="text"),
        trusted_proxies=read.networks("TRUSTED_PROXIES") or OWN_MACHINE,
        event_retention_months=read.integer("EVENT_RETENTION_MONTHS", default=0, low=0, high=1200),
        dns_resolvers=_dns_resolvers(read),
        host_away_minutes=read.integer("HOST_AWAY_MINUTES", default=15, low=3, high=10_080),
        batch_retention_days=read.integer("BATCH_RETENTION_DAYS", default=30, low=0, high=36_500),
        attempt_retention_days=read.integer("ATTEMPT_RETENTION_DAYS", default=365, low=0, high=36_500),
        fact_retention_days=read.integer("FACT_RETENTION_DAYS", default=365, low=0, high=36_500),
        webhooks_to_private_addresses=read.switch("WEBHOOKS_TO_PRIVATE_ADDRESSES", default=False),
        debug=read.switch("DEBUG", default=False),
        host=read.text("HOST", default="127.0.0.1"),
        port=port,
        tracking_port=tracking_port,
        sandbox_port=sandbox_port,
        sandbox_web_port=sandbox_web_port,
        sandbox_inbox=sandbox_inbox,
        demo=read.switch("DEMO", default=embedded_database),
        data_dir=data_dir,
        layout=layout,
        embedded_database=embedded_database,
        embedded_redis=embedded_redis,
    )


class _Reader:
    """Typed access to raw values; every error is one sentence that names the setting."""

    def __init__(self, environ: Mapping[str, str], root: Path) -> None:
        try:
            file = read_dotenv(root / (environ.get("ENV_FILE") or ".env"))
        except (ValueError, OSError) as error:
            raise ConfigurationError(f"The settings file cannot be read: {error}.") from error
        self._values = {name: value.strip() for name, value in {**file, **environ}.items() if value.strip()}

    def add_defaults(self, values: Mapping[str, str]) -> None:
        self._values = {**values, **self._values}

    def optional(self, name: str) -> str | None:
        return self._values.get(name)

    def text(self, name: str, *, default: str) -> str:
        return self._values.get(name, default)

    def required(self, name: str, why: str) -> str:
        value = self._values.get(name)
        if value is None:
            raise ConfigurationError(f"{name} is missing: {why}.")
        return value

    def items(self, name: str) -> tuple[str, ...]:
        return tuple(item.strip() for item in self._values.get(name, "").split(",") if item.strip())

    def networks(self, name: str) -> tuple[str, ...]:
        networks = self.items(name)
        for network in networks:
            try:
                ip_network(network)
            except ValueError:
                raise ConfigurationError(f"{name} must list networks like 10.0.0.0/8, not {network!r}.") from None
        return networks

    def secret(self, name: str) -> str:
        value = self.required(name, f"set it to at least {SECRET_KEY_MIN_LENGTH} random characters")
        if len(value) < SECRET_KEY_MIN_LENGTH:
            raise ConfigurationError(f"{name} is too short: it needs at least {SECRET_KEY_MIN_LENGTH} characters.")
        return value

    def integer(self, name: str, *, default: int, low: int, high: int) -> int:
        value = self._values.get(name)
        if value is None:
            number = default
        elif value.isascii() and value.isdigit():
            number = int(value)
        else:
            raise ConfigurationError(f"{name} must be a whole number from {low} to {high}, not {value!r}.")
        if not low <= number <= high:
            raise ConfigurationError(f"{name} must be from {low} to {high}, not {number}.")
        return number

    def port(self, name: str, *, default: int) -> int:
        return self.integer(name, default=default, low=1, high=65535)

    def count(self, name: str, *, default: int) -> int:
        return self.integer(name, default=default, low=1, high=256)

    def switch(self, name: str, *, default: bool) -> bool:
        value = self._values.get(name, "").lower()
        if not value:
            return default
        if value not in _TRUE + _FALSE:
            raise ConfigurationError(f"{name} must be on or off, not {value!r}.")
        return value in _TRUE

    def choice(self, name: str, choices: tuple[str, ...], *, default: str) -> str:
        value = self._values.get(name, default)
        for one in choices:
            if one.upper() == value.upper():
                return one
        raise ConfigurationError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")

    def url(self, name: str, *, default: str = "") -> str:
        """An http(s) URL without a trailing slash."""
        value = self._values.get(name, default)
        try:
            parts = urlsplit(value)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise ConfigurationError(f"{name} must be a URL like https://mail.example.com, not {value!r}.")
        return value.rstrip("/")


def _secrets(data_dir: Path, read: _Reader) -> dict[str, str]:
    if read.optional("SECRET_KEY") and read.optional("ENCRYPTION_KEYS"):
        return {}
    try:
        return ensure_secrets(data_dir)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The secrets of {data_dir} cannot be kept: {error}.") from error


def _database_url(read: _Reader, layout: Layout) -> str:
    url = read.optional("DATABASE_URL")
    if url is None:
        return postgres_url(layout)
    try:
        database_settings(url)
    except ValueError as error:
        raise ConfigurationError(f"DATABASE_URL {error}.") from None
    return url


def _redis_url(read: _Reader, layout: Layout) -> str:
    url = read.optional("REDIS_URL")
    if url is None:
        return valkey_url(layout)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in _REDIS_SCHEMES and bool(parts.path if parts.scheme == "unix" else parts.hostname)
        valid = valid and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError("REDIS_URL must be a URL like redis://host:6379/0 or unix:///path/to/socket.")
    return url


def _broker_url(read: _Reader, redis_url: str) -> str:
    url = read.optional("BROKER_URL")
    if url is None:
        return redis_url
    try:
        parts = urlsplit(url)
        valid = parts.scheme in _RABBITMQ_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError("BROKER_URL must be a RabbitMQ's URL like amqp://user:password@host:5672/vhost.")
    return url


def _encryption_keys(read: _Reader) -> tuple[str, ...]:
    read.required("ENCRYPTION_KEYS", "set it to one or more keys of 32 random bytes in URL-safe base64")
    keys = read.items("ENCRYPTION_KEYS")
    for position, key in enumerate(keys, start=1):
        try:
            size = len(base64.b64decode(key, altchars=b"-_", validate=True))
        except (ValueError, binascii.Error):
            size = 0
        if size != ENCRYPTION_KEY_BYTES:
            raise ConfigurationError(f"ENCRYPTION_KEYS item {position} is not 32 bytes in URL-safe base64.")
    return keys


def _sandbox(read: _Reader, embedded: bool, own_port: int) -> tuple[tuple[str, int] | None, bool]:
    """Where all mail goes instead of to its mailbox's server, and whether that is the inbox started with Drumbeat."""
    value = read.optional("EMAIL_SANDBOX")
    if (value is None and embedded) or (value or "").lower() in _TRUE:
        return ("127.0.0.1", own_port), True
    if value is None or value.lower() in _FALSE:
        return None, False
    host, colon, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"EMAIL_SANDBOX must be host:port, on or off, not {value!r}.")
    return (host, int(port)), False


def _system_mail(read: _Reader, sandbox: tuple[str, int] | None) -> SystemMail:
    """The server of the system's own mail; the sandbox takes that too."""
    url = read.optional("SYSTEM_EMAIL_URL")
    try:
        given = system_mail(url or "smtp://127.0.0.1:25")
    except ValueError as error:
        raise ConfigurationError(f"SYSTEM_EMAIL_URL {error}.") from None
    return SystemMail("smtp", *sandbox) if sandbox else given


def _system_sender(read: _Reader, base_url: str) -> str:
    host = urlsplit(base_url).hostname or "localhost"
    given = read.optional("SYSTEM_EMAIL_FROM")
    if given is None:
        return f"Drumbeat <drumbeat@{f'[IPv6:{host}]' if ':' in host else host}>"
    try:
        return sender(given)
    except ValueError as error:
        raise ConfigurationError(f"SYSTEM_EMAIL_FROM {error}.") from None


def _dns_resolvers(read: _Reader) -> tuple[tuple[str, int], ...]:
    """Name servers as (address, port); none: the machine's own."""
    servers = []
    for item in read.items("DNS_RESOLVERS"):
        match = _NAME_SERVER.fullmatch(item)
        port = int((match["port"] if match else None) or 53)
        try:
            address = str(ip_address((match["bracketed"] or match["address"]) if match else ""))
        except ValueError:
            address = ""
        if not address or not 0 < port < 65536:
            raise ConfigurationError(f"DNS_RESOLVERS must list servers like 127.0.0.1:5353, not {item!r}.")
        servers.append((address, port))
    return tuple(servers)


def _ai(read: _Reader) -> tuple[str | None, str | None, str | None]:
    if read.optional("AI_BASE_URL") is None:
        return None, None, None
    model = read.required("AI_MODEL", "AI_BASE_URL is set, and the server has to be told which model to use")
    return read.url("AI_BASE_URL"), read.optional("AI_API_KEY"), model


def _own_hosts(*urls: str) -> tuple[str, ...]:
    hosts = [urlsplit(url).hostname or "" for url in urls]
    return tuple(dict.fromkeys([*hosts, "localhost", "127.0.0.1", "[::1]"]))
