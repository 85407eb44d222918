"""Celery: what moves the work that PostgreSQL holds.

A task carries ids and is safe to run twice; losing the queue costs latency, never work, since beat finds due rows again.
"""

import gc
import os
import sys
from urllib.parse import parse_qs, urlsplit

from celery import Celery, Task
from celery.signals import (
    heartbeat_sent,
    task_postrun,
    task_prerun,
    worker_before_create_process,
    worker_process_init,
    worker_shutdown,
)
from celery.worker.heartbeat import Heart
from celery.worker.worker import WorkController
from django.conf import settings
from django.db import close_old_connections
from kombu.entity import Queue

from config import heartbeats
from config.beat import BEAT_SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Django's checks import every page and API, which a worker never serves: 15 MB. `manage.py` runs them, `migrate` too.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")

# Mail and its triggers must not wait behind an import of a million rows.
DELIVERY_QUEUE = "delivery"
DEFAULT_QUEUE = "default"
BULK_QUEUE = "bulk"
# Statistics take a process 70 MB: only this queue's workers load them.
ANALYSIS_QUEUE = "analysis"

# A task that runs longer is stopped; one that a killed worker held comes back after the visibility timeout. Both in seconds.
TASK_TIME_LIMIT = 15 * 60
VISIBILITY_TIMEOUT = TASK_TIME_LIMIT + 60

# Python looks for garbage in cycles after so many new objects.
COLLECT_AFTER = 20_000


def broker_url(url: str) -> str:
    """Turn a broker's URL into one that Celery understands, which spells Unix sockets in its own way."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    query = parse_qs(parts.query)
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={query.get('db', ['0'])[0]}"


def transport_options(url: str) -> dict[str, object]:
    """Return what Redis has to be told as a broker; RabbitMQ knows by itself when a worker dies."""
    if urlsplit(url).scheme.startswith("amqp"):
        return {}
    return {"visibility_timeout": VISIBILITY_TIMEOUT, "socket_keepalive": True, "health_check_interval": 30}


app = Celery("drumbeat")
app.conf.update(
    broker_url=broker_url(settings.BROKER_URL),
    broker_connection_retry_on_startup=True,
    broker_transport_options=transport_options(settings.BROKER_URL),
    task_queues=[Queue(name) for name in (DELIVERY_QUEUE, DEFAULT_QUEUE, BULK_QUEUE, ANALYSIS_QUEUE)],
    task_default_queue=DEFAULT_QUEUE,
    task_routes={
        "delivery.*": {"queue": DELIVERY_QUEUE},
        "sequences.*": {"queue": DELIVERY_QUEUE},
        "core.*": {"queue": DELIVERY_QUEUE},
        "campaigns.tasks.run_launch": {"queue": DELIVERY_QUEUE},
        "campaigns.tasks.admit_due": {"queue": DELIVERY_QUEUE},
        "campaigns.tasks.run_check": {"queue": BULK_QUEUE},
        "contacts.tasks.*import*": {"queue": BULK_QUEUE},
        "contacts.tasks.*export*": {"queue": BULK_QUEUE},
        "abtests.*": {"queue": ANALYSIS_QUEUE},
    },
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_acks_on_failure_or_timeout=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_time_limit=TASK_TIME_LIMIT,
    task_soft_time_limit=TASK_TIME_LIMIT - 30,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_max_memory_per_child=400_000,
    # Celery would end the connection to PostgreSQL before and after each task, and a new one costs PostgreSQL 4 ms.
    CELERY_DB_REUSE_MAX=sys.maxsize // 2,
    beat_schedule=BEAT_SCHEDULE,
    beat_max_loop_interval=1,
    timezone="UTC",
)
app.autodiscover_tasks()


@task_prerun.connect
@task_postrun.connect
def _keep_connections(sender: Task, **_: object) -> None:
    """As at the ends of a request: what is broken or old is closed, the rest is kept, and looked at once before its next use."""
    if not sender.request.is_eager:
        close_old_connections()


@worker_before_create_process.connect
def _keep_memory_shared(**_: object) -> None:
    """What is there before a process is forked stays for ever: no collection touches, and so copies, its pages."""
    gc.collect()
    gc.freeze()


@worker_process_init.connect
def _collect_seldom(**_: object) -> None:
    """A batch keeps thousands of objects until its end and makes hardly a cycle: looking for some each 2,000 cost a twentieth."""
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


@heartbeat_sent.connect
def _record_worker(sender: Heart, **_: object) -> None:
    heartbeats.record_worker(sender.eventer.hostname)


@worker_shutdown.connect
def _forget_worker(sender: WorkController, **_: object) -> None:
    heartbeats.forget_worker(sender.hostname)
