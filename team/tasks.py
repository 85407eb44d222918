from smtplib import SMTPException

from celery import shared_task


@shared_task(ignore_result=True, autoretry_for=(SMTPException, OSError), retry_backoff=10, max_retries=6)
def deliver_system_mail(to: str, subject: str, text: str, html: str) -> None:
    """Send one mail of the system's own, trying again for about ten minutes."""
    from team import mail

    mail.deliver(to=to, subject=subject, text=text, html=html)
