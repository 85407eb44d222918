"""Workers that are woken at a moment: the slot of a mailbox that sends slowly.

Not by a task with a countdown: Celery keeps such a task unacknowledged until its time, and a worker that holds one when Redis
goes away does not come back by itself (kombu can't restore it on a closed connection).
"""

import heapq
import os
import threading
import time

from celery import current_task

# The same moment is not asked for twice, in seconds.
_GRAIN = 0.01


class Alarm(threading.Thread):
    """One thread of a worker's process that calls at moments, however many are asked for."""

    def __init__(self) -> None:
        super().__init__(name="alarm", daemon=True)
        self._moments: list[float] = []
        self._changed = threading.Condition()

    def ring_at(self, moment: float) -> None:
        """Wake a worker at the moment (monotonic seconds)."""
        with self._changed:
            if all(abs(moment - known) > _GRAIN for known in self._moments):
                heapq.heappush(self._moments, moment)
                self._changed.notify()

    def run(self) -> None:
        """Wait for the next moment, and call."""
        from delivery.services.mailings import wake_workers

        while True:
            with self._changed:
                while not self._moments or self._moments[0] > time.monotonic():
                    self._changed.wait(self._moments[0] - time.monotonic() if self._moments else None)
                heapq.heappop(self._moments)
            wake_workers()


_alarms: dict[int, Alarm] = {}


def wake_workers_in(seconds: float) -> None:
    """Wake a worker in so many seconds, if this process is a worker's; elsewhere, and if it dies, the next beat does."""
    if not current_task or current_task.request.is_eager:
        return
    alarm = _alarms.get(os.getpid())
    if alarm is None or not alarm.is_alive():
        alarm = _alarms[os.getpid()] = Alarm()
        alarm.start()
    alarm.ring_at(time.monotonic() + seconds)
