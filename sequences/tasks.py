from celery import shared_task


@shared_task(ignore_result=True)
def advance_due() -> None:
    """Move every enrolment that is due."""
    from core import waking
    from sequences import services

    waking.begun(advance_due.name)
    services.advance_due()


@shared_task(ignore_result=True)
def sweep_closed() -> None:
    """Put away the enrolments of closed sequences."""
    from sequences import services

    services.sweep_closed()


@shared_task(ignore_result=True)
def deliver_outbox() -> None:
    """Try the webhooks and mails of actions that are due, aside."""
    from sequences import services

    services.deliver_aside()


@shared_task(ignore_result=True)
def forget_outbox() -> None:
    """Delete what was delivered, or given up, long ago."""
    from sequences import services

    services.forget_finished()


@shared_task(ignore_result=True)
def continue_publications() -> None:
    """Bring published changes to the people on their way."""
    from sequences import services

    services.continue_publications()
