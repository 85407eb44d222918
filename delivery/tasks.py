from celery import shared_task


@shared_task(ignore_result=True)
def dispatch() -> None:
    """Send what is due, for a few seconds."""
    from delivery import services

    services.dispatch_due(gives_way_after=services.PATIENCE_SECONDS)


@shared_task(ignore_result=True)
def settle_abandoned() -> None:
    """Take over the batches of workers that died."""
    from delivery import services

    services.settle_abandoned()


@shared_task(ignore_result=True)
def settle_cancelled() -> None:
    """Cancel the messages of cancelled mailings."""
    from delivery import services

    services.settle_cancelled()


@shared_task(ignore_result=True)
def check_due_domains() -> None:
    """Ask the DNS about the sending domains whose last check is old."""
    from delivery import services

    services.check_due_domains()


@shared_task(ignore_result=True)
def tidy_ledger() -> None:
    """Delete what of the ledger is older than it is kept."""
    from delivery import services

    services.tidy_ledger()
