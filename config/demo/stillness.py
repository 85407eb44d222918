"""Servers that run and workers that rest while the demo's past is lived through."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from config import heartbeats, startup
from config.celery import ANALYSIS_QUEUE, BULK_QUEUE, DEFAULT_QUEUE, DELIVERY_QUEUE, app
from config.embedded import postgres, valkey
from config.environment import Environment

QUEUES = (DELIVERY_QUEUE, DEFAULT_QUEUE, BULK_QUEUE, ANALYSIS_QUEUE)
REPLY_SECONDS = 3.0
# The longest that a worker's running task goes on, in seconds; what lasts longer is a run over files, not over mail.
REST_SECONDS = 30.0


@contextmanager
def still_installation(environment: Environment) -> Iterator[None]:
    """Start what is embedded and doesn't run, and let running workers take no tasks, for the length of the block.

    A worker that took part would send the demo's past as if it were now.
    """
    with ExitStack() as stack:
        if environment.embedded_database and postgres.server_process(environment.layout) is None:
            stack.callback(postgres.start_postgres(environment.data_dir).stop)
            startup.migrate()
            stack.callback(startup.release_connections)
        if environment.embedded_redis and valkey.server_process(environment.layout) is None:
            stack.callback(valkey.start_valkey(environment.data_dir).stop)
        if heartbeats.live_workers():
            stack.callback(_tell_workers, app.control.add_consumer)
            _tell_workers(app.control.cancel_consumer)
            _wait_for_rest()
        yield


def _tell_workers(order: Callable[..., object]) -> None:
    for queue in QUEUES:
        order(queue, reply=True, timeout=REPLY_SECONDS)


def _wait_for_rest() -> None:
    deadline = time.monotonic() + REST_SECONDS
    while time.monotonic() < deadline and any((app.control.inspect(timeout=REPLY_SECONDS).active() or {}).values()):
        time.sleep(0.5)
