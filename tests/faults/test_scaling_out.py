"""Several machines with workers, each with its own disk, on one PostgreSQL and Redis."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks._faults import QUICK
from benchmarks._faults_site import SinkServer, Site, select, wait_for
from core import clock
from delivery import services
from delivery.models import Batch, Message, MessageState
from tests.factories import delivery as make
from tests.plugins.workers import service_environment

N = 3_000
GROUPS = ("ant", "bee", "cat")
CONNECTIONS = 4
_OPEN = "SELECT count(*) FROM delivery_batch WHERE state IN (%s, %s)"


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SinkServer]:
    server = SinkServer(tmp_path)
    # Slow, so that there is a turn for everyone.
    server.slow_down(0.5)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def groups(transactional_db: None, tmp_path: Path) -> Iterator[list[Site]]:
    """Three worker groups with two processes each, as on three machines; each has a beat, which is harmless."""
    sites = [
        Site(name, {**service_environment(), "DATA_DIR": str(tmp_path / name)}, tmp_path / f"{name}-orders")
        for name in GROUPS
    ]
    try:
        for site in sites:
            site.start()
        for site in sites:
            wait_for(f"{site.name} is ready", ready(site))
        yield sites
    finally:
        for site in sites:
            site.stop()


def ready(site: Site) -> Callable[[], bool]:
    log = site.folder / "logs" / "worker.log"
    return lambda: log.exists() and "ready" in log.read_text(errors="replace")


def own(site: Site) -> set[str]:
    """The journals of a group's processes, by which they hold batches."""
    return {path.stem for path in site.journals.glob("*.journal")}


def states() -> dict[str, MessageState]:
    rows = Message.objects.values_list("contact__email", "state")
    return {email: MessageState(state) for email, state in rows}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_three_groups_send_one_mailing_and_one_of_them_is_lost_for_good(
    groups: list[Site], sink: SinkServer, settings, tmp_path: Path
) -> None:
    workspace = make.make_workspace()
    mailing = make.make_mailing(workspace)
    mailbox = make.make_mailbox(workspace, port=sink.port, max_connections=CONNECTIONS)
    make.queue(mailing, mailbox, make.make_contacts(workspace, N))
    lost = groups[-1]

    def held_by(site: Site) -> list[Batch]:
        return list(Batch.objects.filter(state=Batch.State.LEASED, lease_owner__in=own(site)))

    taking_part: set[str] = set()

    def all_take_part() -> bool:
        taking_part.update(site.name for site in groups if held_by(site))
        return len(taking_part) == len(groups)

    wait_for("all three take part", all_take_part)
    wait_for("some have arrived", lambda: sink.log.read() > N / 50)

    def caught_in_the_middle() -> list[Batch]:
        lost.hold_still()
        if not (left := held_by(lost)):
            lost.go_on()
        return left

    left = wait_for("the third is in the middle of a batch", caught_in_the_middle, every=0.1)
    assert sink.log.read() < N
    lost.kill_for_good()
    sink.slow_down(QUICK)

    # The others send the rest; what the third held stays untouched while it may come back.
    waiting = [Batch.State.QUEUED, Batch.State.HELD]
    wait_for("the rest goes out", lambda: select(_OPEN, *waiting) == 0)
    wait_for("only the third's are leased", lambda: set(Batch.objects.filter(state=Batch.State.LEASED)) == set(left))
    held = {pk for batch in left for pk in batch.message_ids}
    assert {message.state for message in Message.objects.filter(pk__in=held)} == {MessageState.QUEUED}

    # It does not come back in time: nobody knows what it did with the batches it held.
    settings.DATA_DIR = tmp_path / "a machine that does nothing"
    with clock.simulated(clock.now() + timedelta(minutes=settings.HOST_AWAY_MINUTES + 3)):
        assert services.settle_abandoned() == len(left)
    assert {message.state for message in Message.objects.filter(pk__in=held)} == {MessageState.UNKNOWN}

    # Its disk is found: what the server answered is now known.
    settings.DATA_DIR = lost.folder
    services.settle_abandoned()
    sink.log.read()
    found = states()
    assert len(found) == N
    assert set(sink.log.taken.values()) == {1}
    refused = {email for email, state in found.items() if state is MessageState.FAILED}
    accepted = {email for email, state in found.items() if state is MessageState.ACCEPTED}
    unknown = {email for email, state in found.items() if state is MessageState.UNKNOWN}
    assert refused <= sink.log.refused
    assert refused | accepted | unknown == set(found)
    assert accepted <= set(sink.log.taken)
    # Of what arrived only what the killed processes had not heard the answer of is in doubt: one message a connection.
    assert len(unknown & set(sink.log.taken)) <= lost.concurrency * CONNECTIONS
