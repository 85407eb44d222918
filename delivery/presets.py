"""Servers that people commonly send through, so that nobody has to look up a port."""

from dataclasses import dataclass

from delivery.models import Mailbox


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider's submission server and what one must know about its login."""

    key: str
    label: str
    host: str
    port: int
    security: str
    note: str


PRESETS: tuple[Preset, ...] = (
    Preset(
        "gmail",
        "Gmail or Google Workspace",
        "smtp.gmail.com",
        587,
        Mailbox.Security.STARTTLS,
        "The user name is the full address; the password is an app password, which needs 2-step verification.",
    ),
    Preset(
        "outlook",
        "Outlook or Microsoft 365",
        "smtp.office365.com",
        587,
        Mailbox.Security.STARTTLS,
        "An administrator must allow authenticated SMTP for the mailbox; the user name is the full address.",
    ),
    Preset(
        "fastmail",
        "Fastmail",
        "smtp.fastmail.com",
        465,
        Mailbox.Security.TLS,
        "The user name is the full address; the password is an app password for SMTP.",
    ),
    Preset(
        "ses",
        "Amazon SES",
        "email-smtp.eu-west-1.amazonaws.com",
        587,
        Mailbox.Security.STARTTLS,
        "Put your region into the server's name; user name and password are SMTP credentials made in the SES console.",
    ),
    Preset(
        "postfix",
        "Postfix on this machine",
        "127.0.0.1",
        25,
        Mailbox.Security.PLAIN,
        "Nothing is encrypted between Drumbeat and this machine's own server, and no login is needed.",
    ),
    Preset(
        "custom",
        "Another server",
        "",
        587,
        Mailbox.Security.STARTTLS,
        "Port 587 is usually STARTTLS, port 465 TLS from the start.",
    ),
)


def preset_of(key: str) -> Preset | None:
    """Return the preset with this key, if there is one."""
    return next((preset for preset in PRESETS if preset.key == key), None)
