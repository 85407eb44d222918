"""Telling workers that there is something to do: at most one such task waits at a time, however many ask for it.

The flag in Redis says that a task waits that hasn't begun; the task lowers it before it reads, so what was committed before it
was asked for is seen.  Without Redis, or when the task was lost, the next beat finds what is due.
"""

import logging

import redis
from celery import Task

from core.redis import impatient_client

logger = logging.getLogger(__name__)

# A flag of a task that was lost is forgotten after this.
FLAG_MS = 2_000


def wake(task: Task) -> None:
    """Send the task unless one waits already; call it after the commit."""
    try:
        if not impatient_client().set(_flag(task.name), 1, nx=True, px=FLAG_MS):
            return
    except redis.RedisError:
        logger.warning("No Redis: %s is not known to wait.", task.name)
    try:
        task.delay()
    except task.OperationalError:
        logger.warning("No broker: %s waits for the next beat.", task.name)


def is_awaited(task_name: str) -> bool:
    """Tell whether such a task waits for a worker: one that does the same thing for seconds then gives way."""
    try:
        return bool(impatient_client().exists(_flag(task_name)))
    except redis.RedisError:
        return False


def begun(task_name: str) -> None:
    """Lower the flag: who asks from now on means another run.  Called first thing in the task."""
    try:
        impatient_client().delete(_flag(task_name))
    except redis.RedisError:
        logger.warning("No Redis: the flag of %s stays for a moment.", task_name)


def _flag(task_name: str) -> str:
    return f"woken:{task_name}"
