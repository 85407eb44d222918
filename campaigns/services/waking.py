"""Telling workers what to do; without a broker the next beat finds it."""

import logging
from functools import partial

from celery import Task
from django.db import transaction

logger = logging.getLogger(__name__)


def wake_launch(campaign_id: int) -> None:
    """Have the campaign's recipients enrolled once this transaction is committed."""
    from campaigns.tasks import run_launch

    transaction.on_commit(partial(_send, run_launch, campaign_id))


def wake_check(check_id: int) -> None:
    """Have the check run once this transaction is committed."""
    from campaigns.tasks import run_check

    transaction.on_commit(partial(_send, run_check, check_id))


def wake_arrivals() -> None:
    """Have those let in who were called once this transaction is committed."""
    from campaigns.tasks import admit_due

    transaction.on_commit(partial(_send, admit_due))


def _send(task: Task, *row_ids: int) -> None:
    try:
        task.delay(*row_ids)
    except task.OperationalError:
        logger.warning("No broker: %s%s waits for the next beat.", task.name, row_ids)
