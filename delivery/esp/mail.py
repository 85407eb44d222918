"""An envelope as the message that anymail takes apart again for the provider's API."""

import email
from email.message import EmailMessage
from email.policy import default

from django.core.mail import EmailMultiAlternatives

from delivery.compose.bodies import unstuff_dots
from delivery.esp.providers import Provider
from delivery.smtp import Envelope

# What the provider does not write by itself from the message's parts.
_KEPT = (
    "Message-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
    "In-Reply-To",
    "References",
)


def mail_of(envelope: Envelope, provider: Provider) -> EmailMultiAlternatives:
    """Return the message; the provider's own tracking is off, as the links are ours already."""
    parsed = email.message_from_bytes(unstuff_dots(envelope.content[:-3]), policy=default)
    text, html = _part(parsed, "plain"), _part(parsed, "html")
    mail = EmailMultiAlternatives(
        subject=str(parsed["Subject"] or ""),
        body=text,
        from_email=str(parsed["From"]),
        to=[str(parsed["To"])],
        reply_to=[str(parsed["Reply-To"])] if parsed["Reply-To"] else None,
        headers={**{name: str(parsed[name]) for name in _KEPT if parsed[name]}, **provider.headers},
    )
    if html:
        mail.attach_alternative(html, "text/html")
    # Attributes that anymail looks for.
    for name, value in {"metadata": {"message": str(envelope.id)}, "track_opens": False, "track_clicks": False}.items():
        setattr(mail, name, value)
    return mail


def _part(parsed: EmailMessage, subtype: str) -> str:
    part = parsed.get_body(preferencelist=(subtype,))
    return str(part.get_content()) if part is not None else ""
