from celery import shared_task


@shared_task(ignore_result=True)
def forget_old_keys() -> None:
    """Delete idempotency keys that are over."""
    from integrations import services

    services.forget_old_keys()
