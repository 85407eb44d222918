"""Telling workers that something is due; without a broker the next beat finds it."""

import logging
from collections.abc import Callable

from celery import Task
from django.db import transaction

from core import waking

logger = logging.getLogger(__name__)


def wake_engine() -> None:
    """Have the engine run once this transaction is committed."""
    from sequences.tasks import advance_due

    transaction.on_commit(lambda: waking.wake(advance_due))


def wake_sweeper() -> None:
    """Have closed sequences put away once this transaction is committed."""
    from sequences.tasks import sweep_closed

    transaction.on_commit(_sender(sweep_closed))


def wake_outbox() -> None:
    """Have the outbox delivered once this transaction is committed."""
    from sequences.tasks import deliver_outbox

    transaction.on_commit(_sender(deliver_outbox))


def wake_publisher() -> None:
    """Have changes that were published brought to the people on their way once this transaction is committed."""
    from sequences.tasks import continue_publications

    transaction.on_commit(_sender(continue_publications))


def _sender(task: Task) -> Callable[[], None]:
    def send() -> None:
        try:
            task.delay()
        except task.OperationalError:
            logger.warning("No broker: %s waits for the next beat.", task.name)

    return send
