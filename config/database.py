"""Database URLs turned into Django's settings."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES = ("postgres", "postgresql")

# A server pauses for at most this long on a lost network before a connection attempt fails, in seconds.
CONNECT_TIMEOUT = 10


def database_settings(url: str, *, max_age: int = 600) -> dict[str, Any]:
    """Turn a PostgreSQL URL into an entry of Django's DATABASES.

    `postgresql://user:password@host:port/name?sslmode=require`; a Unix socket's folder is given by `?host=/folder`, as
    libpq does. Other query parameters become connection options. `max_age` is in seconds.

    Raises ValueError, its text one sentence without the password, if the URL is no PostgreSQL URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("has a malformed host or port") from None
    if parts.scheme not in SCHEMES:
        raise ValueError("must start with postgresql://")
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise ValueError("must name one database after the host, as in postgresql://user@host/name")
    options: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    options.setdefault("connect_timeout", CONNECT_TIMEOUT)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(options.pop("port", None) or port or ""),
        "CONN_MAX_AGE": max_age,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
