from celery import shared_task


@shared_task(ignore_result=True)
def advance_due() -> None:
    """Move every enrolment that is due."""
    from sequences import services

    services.advance_due()


@shared_task(ignore_result=True)
def sweep_closed() -> None:
    """Put away the enrolments of closed sequences."""
    from sequences import services

    services.sweep_closed()
