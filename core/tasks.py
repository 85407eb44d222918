from celery import shared_task


@shared_task(ignore_result=True)
def deliver_facts() -> None:
    """Hand new facts to their handlers."""
    from core import facts, waking

    waking.begun(deliver_facts.name)
    facts.deliver()


@shared_task(ignore_result=True)
def forget_old_facts() -> None:
    """Delete facts that are older than they are kept."""
    from core import facts

    facts.forget_old()
