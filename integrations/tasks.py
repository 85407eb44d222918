from celery import shared_task


@shared_task(ignore_result=True)
def forget_old_keys() -> None:
    """Delete idempotency keys that are over."""
    from integrations import services

    services.forget_old_keys()


@shared_task(ignore_result=True)
def deliver_webhooks() -> None:
    """Try the webhooks that are due, aside."""
    from integrations import services

    services.deliver_webhooks_aside()


@shared_task(ignore_result=True)
def forget_deliveries() -> None:
    """Delete what was delivered, or given up, long ago."""
    from integrations import services

    services.forget_deliveries()
