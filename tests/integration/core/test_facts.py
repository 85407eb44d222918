"""The fact log: what the world did is never lost, whatever its readers do."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from core import bus, clock, facts
from core.models import Fact, FactCursor, FactFailure

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Happened:
    """Fact: a test wrote it."""

    number: int


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Only the handlers of the test, and no worker to wake."""
    monkeypatch.setattr(bus, "_fact_handlers", {})
    monkeypatch.setattr(facts, "_wake", lambda: None)


def record(number):
    return facts.record(Happened(number), workspace_id=None, occurred_at=AT)


class Handler:
    """Writes down what it was given; fails on the numbers in `fails_on`."""

    def __init__(self, name="handler", fails_on=()):
        self.__module__, self.__qualname__ = "tests", name
        self.fails_on, self.seen = set(fails_on), []

    def __call__(self, event):
        self.seen.append(event.number)
        if event.number in self.fails_on:
            FactCursor.objects.create(handler=f"trace {event.number}")
            raise ZeroDivisionError(event.number)


def test_a_fact_reaches_its_handler_as_it_was():
    handler = Handler()
    bus.on_fact(Happened, handler)
    record(7)

    assert facts.deliver() == 1
    assert handler.seen == [7]


def test_a_handler_gets_each_fact_once_and_in_order():
    handler = Handler()
    bus.on_fact(Happened, handler)
    for number in range(450):
        record(number)

    facts.deliver()
    facts.deliver()

    assert handler.seen == list(range(450))


def test_a_fact_whose_transaction_fails_never_was():
    handler = Handler()
    bus.on_fact(Happened, handler)
    with transaction.atomic():
        record(1)
        transaction.set_rollback(True)

    facts.deliver()

    assert handler.seen == []
    assert not Fact.objects.exists()


def test_a_failing_handler_undoes_its_own_writes_but_not_the_fact_or_the_other_facts():
    handler, other = Handler("failing", fails_on=[2]), Handler("other")
    bus.on_fact(Happened, handler, other)
    for number in (1, 2, 3):
        record(number)

    facts.deliver()

    assert handler.seen == other.seen == [1, 2, 3]
    assert Fact.objects.count() == 3
    assert not FactCursor.objects.filter(handler="trace 2").exists()
    assert "ZeroDivisionError" in FactFailure.objects.get().error


def test_a_failed_call_is_tried_again_with_growing_pauses_until_it_works():
    handler = Handler(fails_on=[1])
    bus.on_fact(Happened, handler)
    record(1)
    start = clock.now()
    with clock.simulated(start):
        facts.deliver()

    tries = []
    for seconds in range(0, 300, 5):
        with clock.simulated(start + timedelta(seconds=seconds)):
            before = len(handler.seen)
            facts.deliver()
            if len(handler.seen) > before:
                tries.append(seconds)
    assert tries == [15, 45, 105, 225]

    handler.fails_on.clear()
    with clock.simulated(start + timedelta(hours=2)):
        facts.deliver()
    assert not FactFailure.objects.exists()
    with clock.simulated(start + timedelta(hours=9)):
        assert facts.deliver() == 0


def test_a_fact_committed_late_is_not_skipped():
    """A transaction that began first and commits last gets a later position than what was read meanwhile."""
    handler = Handler()
    bus.on_fact(Happened, handler)
    wrote, may_commit = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            record(1)
            wrote.set()
            may_commit.wait(5)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    wrote.wait(5)
    record(2)
    facts.deliver()
    assert handler.seen == [2]

    may_commit.set()
    thread.join()
    facts.deliver()

    assert handler.seen == [2, 1]


def write_many(numbers):
    """Record facts in transactions of random length, so that they commit out of order."""
    draw = random.Random(numbers[0])
    for number in numbers:
        with transaction.atomic():
            record(number)
            time.sleep(draw.uniform(0, 0.004))


def in_threads(*jobs):
    """Run each job in a thread with a connection of its own."""

    def run(job):
        try:
            job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [pool.submit(run, job) for job in jobs]


def test_what_comes_while_its_handler_is_at_work_is_not_left_for_the_next_tick():
    began, may_go_on, seen = threading.Event(), threading.Event(), []

    def handler(event):
        seen.append(event.number)
        began.set()
        may_go_on.wait(10)

    bus.on_fact(Happened, handler)
    record(1)

    def work():
        try:
            facts.deliver()
        finally:
            connection.close()

    first = threading.Thread(target=work)
    first.start()
    assert began.wait(10)
    record(2)
    # Another worker, woken for it, finds the handler taken and goes.
    assert facts.deliver() == 0
    may_go_on.set()
    first.join(10)

    assert seen == [1, 2]


def test_no_fact_is_skipped_or_doubled_while_many_write_and_two_deliver():
    handler = Handler()
    bus.on_fact(Happened, handler)
    batches = [range(start, start + 25) for start in range(0, 150, 25)]
    deadline = time.monotonic() + 2

    def deliver():
        while time.monotonic() < deadline and len(handler.seen) < 150:
            facts.deliver()

    results = in_threads(*(partial(write_many, batch) for batch in batches), deliver, deliver)
    facts.deliver()

    assert [result.exception() for result in results] == [None] * 8
    assert sorted(handler.seen) == list(range(150))
    assert Fact.objects.filter(position__isnull=False).values("position").distinct().count() == 150


def test_a_fact_written_after_old_ones_were_deleted_still_reaches_its_handler():
    handler = Handler()
    bus.on_fact(Happened, handler)
    record(1)
    facts.deliver()
    Fact.objects.all().delete()
    record(2)
    facts.deliver()
    assert handler.seen == [1, 2]


def test_a_reader_of_positions_never_meets_a_smaller_one_later():
    seen: list[int] = []
    deadline = time.monotonic() + 2

    def read():
        last = seen[-1] if seen else 0
        found = Fact.objects.filter(position__gt=last).order_by("position")
        seen.extend(found.values_list("position", flat=True))

    def repeat(work):
        while time.monotonic() < deadline and len(seen) < 120:
            work()

    writers = [partial(write_many, range(start, start + 40)) for start in range(0, 120, 40)]
    results = in_threads(
        *writers, partial(repeat, facts.sequence), partial(repeat, facts.sequence), partial(repeat, read)
    )
    facts.sequence()
    read()

    assert [result.exception() for result in results] == [None] * 6
    assert len(seen) == 120
    assert seen == list(Fact.objects.order_by("position").values_list("position", flat=True))


def test_a_new_handler_starts_with_the_oldest_fact():
    record(1)
    facts.sequence()
    late = Handler("late")
    bus.on_fact(Happened, late)

    facts.deliver()

    assert late.seen == [1]


def test_a_decision_is_announced_in_its_transaction():
    seen = []
    with pytest.raises(RuntimeError, match="inside the transaction"):
        bus.announce(Happened(1))

    bus.on_decision(Happened, lambda event: seen.append(event.number))
    with transaction.atomic():
        bus.announce(Happened(1))
    assert seen == [1]
    bus._decision_handlers.pop(Happened)


def test_without_a_broker_a_fact_is_recorded_all_the_same(monkeypatch, caplog):
    from core.tasks import deliver_facts

    monkeypatch.undo()

    def refuse(*args, **kwargs):
        raise deliver_facts.OperationalError

    monkeypatch.setattr(deliver_facts, "delay", refuse)

    record(1)

    assert Fact.objects.count() == 1
    assert "No broker" in caplog.text


def test_a_tick_without_news_asks_the_same_few_questions_of_any_number_of_handlers(django_assert_max_num_queries):
    for number in range(30):
        bus.on_fact(Happened, Handler(f"handler {number}"))
    record(1)
    assert facts.deliver() == 30

    with django_assert_max_num_queries(6):
        assert facts.deliver() == 0
