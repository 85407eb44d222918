from celery import shared_task


@shared_task(ignore_result=True)
def deliver_facts() -> None:
    """Hand new facts to their handlers."""
    from core import facts

    facts.deliver()
