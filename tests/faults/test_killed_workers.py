"""Workers killed in the middle of a send, by SIGKILL, without warning: nothing is lost, nothing goes out twice."""

import random
import time
from collections.abc import Callable

import psutil
import pytest

from delivery import selectors
from delivery.models import Message, MessageState
from tests.factories import delivery as make
from tests.faults.receiver import Receiver, receiving
from tests.plugins.workers import WorkerProcess

N = 5_000
# How many messages have arrived when the next kill comes; every third takes the whole worker, the others one of its processes.
KILLS = (300, 900, 1600, 2300, 3000, 3700)
CONNECTIONS = 4
SEED = 20261124


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def kill_one_process(worker: WorkerProcess, draw: random.Random) -> None:
    children = [child for child in psutil.Process(worker.process.pid).children(recursive=True) if is_pool(child)]
    draw.choice(children).kill()


def is_pool(process: psutil.Process) -> bool:
    return process.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(process.cmdline())


@pytest.mark.slow
@pytest.mark.timeout(170)
def test_six_kills_in_one_send_lose_nothing_and_repeat_nothing(start_worker: Callable[..., WorkerProcess]) -> None:
    draw = random.Random(SEED)
    workspace = make.make_workspace()
    contacts = make.make_contacts(workspace, N)
    mailing = make.make_mailing(workspace)
    with receiving(pause=0.008) as receiver:
        mailbox = make.make_mailbox(workspace, port=receiver.port, max_connections=CONNECTIONS)
        worker = start_worker(concurrency=2, beat=True)
        messages = make.queue(mailing, mailbox, contacts)
        for number, point in enumerate(KILLS, start=1):
            wait_for(lambda point=point: receiver.count >= point, 60)  # type: ignore[misc]
            assert receiver.count < N, "the kill must come in the middle"
            if number % 3 == 0:
                worker.kill()
                worker = start_worker(concurrency=2, beat=True)
            else:
                kill_one_process(worker, draw)
        receiver.pause = 0
        wait_for(lambda: selectors.open_batches([mailing.pk]) == 0, 90)
    check(receiver, messages)


def check(receiver: Receiver, messages: list[int]) -> None:
    assert len(messages) == N
    rows = dict(Message.objects.values_list("pk", "state"))
    states = {f"person{number}@example.com": rows[pk] for number, pk in enumerate(messages)}
    assert set(states.values()) <= {MessageState.ACCEPTED, MessageState.UNKNOWN}
    assert [address for address, times in receiver.taken.items() if times > 1] == []
    lost = [address for address in states if address not in receiver.taken]
    assert all(states[address] == MessageState.UNKNOWN for address in lost)
    unknown = [address for address, state in states.items() if state == MessageState.UNKNOWN]
    killed_processes = sum(2 if number % 3 == 0 else 1 for number in range(1, len(KILLS) + 1))
    assert len(unknown) <= killed_processes * CONNECTIONS
    totals = selectors.totals([Message.objects.get(pk=messages[0]).mailing_id])
    assert (totals.accepted, totals.unknown, totals.waiting) == (N - len(unknown), len(unknown), 0)
    in_doubt = Message.objects.filter(state=MessageState.UNKNOWN).first()
    if in_doubt is not None:
        assert "may have arrived or not" in selectors.why(in_doubt).sentence
