"""Facts that come often are handed to a handler several at a time; a bad one among them stops no other."""

from dataclasses import dataclass

import pytest

from core import bus, clock, facts, waking
from core.models import FactFailure
from core.redis import client
from core.tasks import deliver_facts


@dataclass(frozen=True, slots=True)
class Rang:
    workspace_id: int
    bells: list[int]

    @property
    def size(self) -> int:
        return len(self.bells)

    def joined(self, others):
        return Rang(self.workspace_id, self.bells + [bell for other in others for bell in other.bells])


HEARD: list[tuple[int, list[int]]] = []


def hear(fact: Rang) -> None:
    if 13 in fact.bells:
        raise ValueError("Unlucky.")
    HEARD.append((fact.workspace_id, fact.bells))


@pytest.fixture
def ring(db, monkeypatch):
    monkeypatch.setattr(bus, "_fact_handlers", {})
    bus.on_fact(Rang, hear)
    HEARD.clear()

    def record(workspace_id, *bells):
        facts.record(Rang(workspace_id, list(bells)), workspace_id=workspace_id, occurred_at=clock.now())

    return record


def test_several_of_a_workspace_are_one_call_in_order(ring):
    for workspace, bell in ((1, 10), (2, 20), (1, 11), (2, 21)):
        ring(workspace, bell)
    facts.deliver()
    assert HEARD == [(1, [10, 11]), (2, [20, 21])]
    facts.deliver()
    assert len(HEARD) == 2


def test_no_call_grows_beyond_its_size(ring, monkeypatch):
    monkeypatch.setattr(facts, "MERGED_SIZE", 3)
    for start in (0, 2, 4):
        ring(1, start, start + 1)
    ring(1, *range(100, 110))
    facts.deliver()
    assert [len(bells) for _, bells in HEARD] == [2, 2, 2, 10]


def test_one_that_fails_is_kept_and_the_others_are_heard(ring):
    for bell in (1, 13, 2):
        ring(1, bell)
    facts.deliver()
    assert HEARD == [(1, [1]), (1, [2])]
    assert FactFailure.objects.get().fact.payload["bells"] == [13]


def test_a_task_is_sent_once_until_it_begins(monkeypatch):
    sent = []
    monkeypatch.setattr(deliver_facts, "delay", lambda: sent.append(1))
    waking.wake(deliver_facts)
    waking.wake(deliver_facts)
    assert len(sent) == 1
    waking.begun(deliver_facts.name)
    waking.wake(deliver_facts)
    assert len(sent) == 2
    assert client().pttl("woken:core.tasks.deliver_facts") > 0  # a lost task is forgotten
