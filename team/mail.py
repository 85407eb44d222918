"""The system's own mail: invitations and password resets, plain text and HTML."""

import logging
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)


def absolute_url(path: str) -> str:
    """Return the URL of a page for use in mail; never taken from the request's Host header, which anyone can forge."""
    return f"{settings.BASE_URL.rstrip('/')}{path}"


def send_system_mail(template: str, *, to: str, subject: str, context: dict[str, Any]) -> None:
    """Render `team/mail/<template>.txt` and `.html` and send them by a worker once the transaction is committed.

    Without a broker it is sent at once, so that nobody is locked out when Redis is down.
    """
    context = {**context, "subject": subject, "base_url": settings.BASE_URL}
    text = render_to_string(f"team/mail/{template}.txt", context)
    html = render_to_string(f"team/mail/{template}.html", context)
    transaction.on_commit(lambda: _enqueue(to=to, subject=" ".join(subject.split()), text=text, html=html))


def _enqueue(**parts: str) -> None:
    from team.tasks import deliver_system_mail

    try:
        deliver_system_mail.delay(**parts)
    except deliver_system_mail.OperationalError:
        logger.warning("No broker: the mail is sent at once.")
        deliver(**parts)


def deliver(*, to: str, subject: str, text: str, html: str) -> None:
    """Hand one mail to the system's mail server.  Raises SMTPException or OSError when it can't be reached or refuses."""
    message = EmailMultiAlternatives(subject, text, to=[to], headers={"Auto-Submitted": "auto-generated"})
    message.attach_alternative(html, "text/html")
    message.send()
