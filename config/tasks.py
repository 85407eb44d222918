from celery import shared_task


@shared_task(ignore_result=True)
def record_beat() -> None:
    """Show that beat, the broker and a worker's pool all work."""
    from config import heartbeats

    heartbeats.record_beat()
