"""Bring hits from the buffer into the event store, for ever."""

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

import redis
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections, connection

from tracking import services

IDLE_SECONDS = 0.2
LONGEST_PAUSE = 5.0


class Command(BaseCommand):
    """The drainer's process: a look at the buffer five times a second, a growing pause while a server is down."""

    # The web's URLs and templates are none of the drainer's business.
    requires_system_checks = ()
    help = "Moves opens and clicks from the buffer into the event store until it is stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Drain what is there and stop.")

    def handle(self, *args: Any, once: bool = False, **options: Any) -> None:
        if once:
            self.stdout.write(f"{services.drain()} hits drained.")
            return
        stopped = threading.Event()

        def stop(signal_number: int, frame: FrameType | None) -> None:
            stopped.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        pause = IDLE_SECONDS
        while not stopped.is_set():
            try:
                close_old_connections()
                pause = IDLE_SECONDS if services.drain() == 0 else 0
            except (redis.RedisError, Error) as error:
                pause = min(max(pause, IDLE_SECONDS) * 2, LONGEST_PAUSE)
                self.stderr.write(f"The buffer can't be drained now ({error}); trying again in {pause:.1f} s.")
                if not connection.in_atomic_block:
                    connection.close()
            stopped.wait(pause)
