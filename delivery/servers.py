"""A mailbox as the server to talk to."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from core.encryption import decrypt, encrypt
from delivery.models import Mailbox
from delivery.oauth import access_token, login_of
from delivery.smtp import Credentials, Patience, Security, Server

PATIENCE = Patience()
# A person waits for the answer.
IMPATIENCE = Patience(connect=8, greeting=15, command=15, transfer=15, content=15)


def server_of(mailbox: Mailbox, *, patience: Patience | None = None, own: bool = False) -> Server:
    """Return the mailbox's server, or the sandbox if the installation sends everything there (unless `own` is asked for).

    Raises core.encryption.DecryptionError when the password can't be read with the installation's keys, and
    delivery.oauth.TokenError when the mailbox logs in by access token and there is none.
    """
    patience = patience or PATIENCE
    if settings.EMAIL_SANDBOX and not own:
        host, port = settings.EMAIL_SANDBOX
        return Server(host, port, Security.PLAIN, hostname=own_name(), patience=patience)
    credentials = None
    if (login := login_of(mailbox)) is not None:
        credentials = Credentials(mailbox.smtp_username or mailbox.from_email, token=access_token(login))
    elif mailbox.smtp_username:
        credentials = Credentials(mailbox.smtp_username, read_password(mailbox))
    return Server(
        mailbox.smtp_host,
        mailbox.smtp_port,
        Security(mailbox.smtp_security),
        verify=mailbox.smtp_verify,
        credentials=credentials,
        hostname=own_name(),
        patience=patience,
    )


def own_name() -> str:
    """Return the name this installation gives in EHLO (RFC 5321 4.1.3: an address in brackets)."""
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host if host.isascii() else "localhost"
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def seal_password(workspace_id: int, password: str) -> str:
    """Encrypt a password for a mailbox of the workspace."""
    return encrypt(password, context=password_context(workspace_id)) if password else ""


def read_password(mailbox: Mailbox) -> str:
    """Return the mailbox's password.  Raises core.encryption.DecryptionError."""
    if not mailbox.smtp_password_encrypted:
        return ""
    return decrypt(mailbox.smtp_password_encrypted, context=password_context(mailbox.workspace_id))


def password_context(workspace_id: int) -> str:
    """Return what a mailbox's encrypted password is bound to."""
    return f"delivery.mailbox:{workspace_id}"
