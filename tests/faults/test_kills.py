"""Eight of the kills of `make proof P=faults`: workers, at named points and from outside, Redis, PostgreSQL's and the sink's connections.

What is proved after each kill and in the end, `benchmarks/_faults.py` says.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks._faults import Rig, judge, schedule
from benchmarks._faults_site import SinkServer, Site
from config.embedded.folders import remove_folders
from config.embedded.layout import layout_for
from config.embedded.valkey import ValkeyServer, start_valkey
from config.supervisor import ServerSpec
from delivery import selectors
from delivery.models import Message, MessageState
from tests.factories import delivery as make
from tests.plugins.workers import service_environment

N = 2_400
SEED = 20261124
CONNECTIONS = 4
PROCESSES = 2
KINDS = (
    "content sent",
    "in the commit",
    "lease's answer lost",
    "pool process",
    "postgres sessions cut",
    "redis",
    "smtp connections cut",
    "worker",
)


@pytest.fixture
def rig(transactional_db: None, tmp_path: Path) -> Iterator[Rig]:
    """Workers under the product's supervisor, a sink, and a Redis that other tests don't use."""
    layout = layout_for(tmp_path)
    sink = SinkServer(tmp_path)
    server = start_valkey(tmp_path, durable=False)
    environ = {**service_environment(), "REDIS_URL": server.url, "DATA_DIR": str(tmp_path / "data")}
    site = Site("mail", environ, tmp_path / "orders", concurrency=PROCESSES)
    rig = Rig(site, sink, layout, random.Random(SEED))
    site.servers = [ServerSpec("Redis", rig.come_back(lambda: start_valkey(tmp_path, durable=False)))]
    sink.start()
    try:
        site.start()
        yield rig
    finally:
        site.stop()
        sink.kill()
        ValkeyServer(layout).discard()
        remove_folders(layout)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_eight_kills_in_one_send_lose_nothing_and_repeat_nothing(rig: Rig) -> None:
    workspace = make.make_workspace()
    mailing = make.make_mailing(workspace)
    mailbox = make.make_mailbox(workspace, port=rig.sink.port, max_connections=CONNECTIONS)
    messages = make.queue(mailing, mailbox, make.make_contacts(workspace, N))
    for kind, at_reply in schedule(KINDS, N, rig.draw):
        rig.suffer(kind, at_reply)
    rig.finish(seconds=180)
    verdict = judge(rig, messages)
    assert verdict.faults == []
    assert (verdict.lost, verdict.duplicates_unflagged, verdict.duplicates_flagged) == (0, 0, 0)
    assert verdict.unknown_max_per_connection <= 1
    by_kind = {fault.kind: fault.in_doubt for fault in rig.faults}
    assert by_kind["content sent"] >= 1
    assert by_kind["lease's answer lost"] == by_kind["in the commit"] == 0
    assert sum(by_kind.values()) == verdict.states[MessageState.UNKNOWN.name]
    assert max(by_kind.values()) <= PROCESSES * CONNECTIONS
    in_doubt = Message.objects.filter(state=MessageState.UNKNOWN)[0]
    assert "may have arrived or not" in selectors.why(in_doubt).sentence
