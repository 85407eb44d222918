"""The system's own mail, for apps that keep their mails until they are sent."""

from smtplib import SMTPException

from team import mail
from team.exceptions import TeamError


def deliver_mail(*, to: str, subject: str, text: str, html: str) -> None:
    """Send one mail now.  Raises TeamError, its text for people, when the server can't be reached or refuses."""
    try:
        mail.deliver(to=to, subject=subject, text=text, html=html)
    except (SMTPException, OSError) as error:
        raise TeamError(
            f"The mail server did not take it: {str(error) or type(error).__name__}", code="mail"
        ) from error
