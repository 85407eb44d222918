"""Redis killed and started anew, empty, in the middle of a send: nothing is lost, nothing goes out twice."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.embedded.folders import remove_folders
from config.embedded.valkey import ValkeyServer, start_valkey
from delivery import selectors
from delivery.models import Message, MessageState
from tests.factories import delivery as make
from tests.faults.receiver import receiving
from tests.faults.test_killed_workers import wait_for
from tests.plugins.workers import WorkerProcess

N = 2_000


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server that other tests don't use."""
    server = start_valkey(tmp_path, durable=False)
    yield server
    server.discard()
    remove_folders(server.layout)


@pytest.mark.slow
def test_a_send_survives_the_loss_of_redis(
    start_worker: Callable[..., WorkerProcess], own_redis: ValkeyServer, tmp_path: Path
) -> None:
    workspace = make.make_workspace()
    contacts = make.make_contacts(workspace, N)
    mailing = make.make_mailing(workspace)
    with receiving(pause=0.02) as receiver:
        mailbox = make.make_mailbox(workspace, port=receiver.port)
        start_worker(concurrency=2, beat=True, environment={"REDIS_URL": own_redis.url})
        make.queue(mailing, mailbox, contacts)
        wait_for(lambda: receiver.count >= 200, 60)
        os.kill(int(own_redis.layout.valkey_pid.read_text()), signal.SIGKILL)
        time.sleep(1.5)
        assert receiver.count < N, "it must happen in the middle"
        start_valkey(tmp_path, durable=False)
        wait_for(lambda: selectors.open_batches([mailing.pk]) == 0, 100)
    assert receiver.count == N
    assert set(receiver.taken.values()) == {1}
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.ACCEPTED}
