"""Two worker processes share one mailbox's limit, and keep it while Redis is killed and started anew."""

import os
import signal
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from config.embedded.folders import remove_folders
from config.embedded.valkey import ValkeyServer, start_valkey
from delivery import services
from delivery.models import MailboxDay
from tests.factories import delivery as make
from tests.faults.waiting import wait_for
from tests.plugins.mail import ReceivedMail, SmtpSink
from tests.plugins.workers import WorkerProcess

PER_MINUTE = 1200
WINDOW = 3.0
# What a busy machine delays arrives together with what follows: half a second's worth is no burst.
NOISE = 10


@pytest.fixture(params=[True, False], ids=["with its file", "empty"])
def own_redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server that other tests don't use."""
    server = start_valkey(tmp_path, durable=request.param)
    yield server
    server.discard()
    remove_folders(server.layout)


@pytest.mark.slow
def test_the_limit_holds_over_a_restart_of_redis(
    start_worker: Callable[..., WorkerProcess],
    own_redis: ValkeyServer,
    tmp_path: Path,
    smtp_sink: SmtpSink,
    request: pytest.FixtureRequest,
) -> None:
    times: list[float] = []

    def take(mail: ReceivedMail) -> str:
        times.append(time.monotonic())
        return "250 2.0.0 OK"

    smtp_sink.on_data = take
    workspace = make.make_workspace()
    mailbox = make.make_mailbox(workspace, port=smtp_sink.port, per_minute=PER_MINUTE, per_day=100_000)
    run_worker = partial(start_worker, concurrency=2, beat=True, environment={"REDIS_URL": own_redis.url})
    workers = [run_worker()]
    for prefix in "ab":
        make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 600, prefix=prefix))
    wait_for(lambda: len(times) >= 100, 60)
    os.kill(int(own_redis.layout.valkey_pid.read_text()), signal.SIGKILL)
    killed_at = time.monotonic()
    time.sleep(1)
    start_valkey(tmp_path, durable=request.node.callspec.params["own_redis"])
    seen = len(times)

    def goes_on() -> bool:
        # Celery may end when its broker goes away in the midst of a message; the supervisor starts it anew, as we do here.
        if workers[-1].process.poll() is not None:
            workers.append(run_worker())
        return len(times) >= seen + 150

    wait_for(goes_on, 110)
    taken = sorted(times)
    allowed = WINDOW * PER_MINUTE / 60 + 1
    worst = max(bisect_left(taken, start + WINDOW) - place for place, start in enumerate(taken))
    assert worst <= allowed + NOISE
    assert taken[-1] > killed_at
    # Sent at its pace, not at a fraction of it: the time that Redis was away is left out.
    before = [moment for moment in taken if moment < killed_at]
    assert len(before) >= 0.5 * (before[-1] - before[0]) * PER_MINUTE / 60
    services.pause_mailbox(mailbox.pk, reason="The test is over.")
    assert MailboxDay.objects.get(mailbox=mailbox).sent > 0
