from celery import shared_task


@shared_task(ignore_result=True)
def take_due_looks() -> None:
    """Judge the tests of which more is known by now."""
    from abtests import services

    services.take_due_looks()


@shared_task(ignore_result=True)
def release_due_batches() -> None:
    """Let the parts of tests go out whose time has come."""
    from abtests import services

    services.release_due_batches()


@shared_task(ignore_result=True)
def refresh_summaries() -> None:
    """Keep what the results of tests show beside the verdict up to date."""
    from abtests import services

    services.refresh_due_summaries()
