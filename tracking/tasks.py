from celery import shared_task


@shared_task(ignore_result=True)
def drain_hits() -> None:
    """Bring hits in where no drainer runs."""
    from tracking import services

    services.drain()


@shared_task(ignore_result=True)
def tidy_event_store() -> None:
    """Make partitions ahead and let old ones go."""
    from tracking import services

    services.tidy_event_store()
