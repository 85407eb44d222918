"""Whatever happens to messages, in whatever order: responses by age are what the messages and events, counted one by one, say they are."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from delivery import ledger, receipts, selectors
from delivery import services as delivery
from delivery.counters import Tally
from delivery.models import Mailing, Message, MessageState, ResponseCounter
from delivery.receipts import Receipt
from delivery.responses import Rules
from delivery.selectors import HONEYPOT_LABEL
from delivery.smtp import Reply
from tests.factories.tracking import APPLE_MPP, CHROME, GMAIL, SENT_AT, Sent, make_hit, make_link, make_sent
from tracking import recount
from tracking import services as tracking
from tracking.models import Event, EventKind, Verdict

pytestmark = pytest.mark.django_db

BOUNDS = [1, 3, 24]
HOUR = timedelta(hours=1)
COLUMNS = {
    "opened": "opened_at",
    "opened_any": "opened_any_at",
    "clicked": "clicked_at",
    "clicked_any": "clicked_any_at",
    "linked": "linked_at",
    "replied": "replied_at",
    "converted": "converted_at",
    "unsubscribed": "unsubscribed_at",
    "complained": "complained_at",
    "bounced": "bounced_at",
}
OTHER_ENDS = [MessageState.FAILED, MessageState.SKIPPED, MessageState.UNKNOWN]


def counted() -> Counter[tuple[int, int, datetime, int, str]]:
    """Return what the counters say, without zeros."""
    return Counter(
        {
            (row.mailing_id, row.stratum, row.sent_hour, row.lag, column): number
            for row in ResponseCounter.objects.all()
            for column in ("sent", *COLUMNS)
            if (number := getattr(row, column))
        }
    )


def recounted() -> Counter[tuple[int, int, datetime, int, str]]:
    """Count the messages one by one."""
    numbers: Counter[tuple[int, int, datetime, int, str]] = Counter()
    for message in Message.objects.filter(mailing__response_bounds__len__gt=0).exclude(accepted_at=None):
        assert message.accepted_at is not None
        hour = message.accepted_at.replace(minute=0, second=0, microsecond=0)
        numbers[message.mailing_id, message.stratum, hour, 0, "sent"] += 1
        for column, moment in COLUMNS.items():
            if at := getattr(message, moment):
                lag = sum(at > message.accepted_at + bound * HOUR for bound in BOUNDS)
                numbers[message.mailing_id, message.stratum, hour, lag, column] += 1
    return numbers


def settled(mailing_id: int, cutoff: datetime) -> Counter[tuple[int, bool]]:
    """Return by stratum what has settled by then of clicks and sent messages, and what hasn't, as a look reads it."""
    found: Counter[tuple[int, bool]] = Counter()
    for row in selectors.settled_counts([mailing_id], sent_before=cutoff, lag=1):
        assert row.lag in (0, 2)
        found[row.stratum, row.lag == 0] += row.sent + 1000 * row.clicked
    return +found


def settled_by_row(mailing_id: int, cutoff: datetime) -> Counter[tuple[int, bool]]:
    """Return the same from all rows."""
    found: Counter[tuple[int, bool]] = Counter()
    for row in selectors.response_counts([mailing_id]):
        found[row.stratum, row.lag <= 1 and row.sent_hour + HOUR <= cutoff] += row.sent + 1000 * row.clicked
    return +found


def first_linked() -> dict[int | None, datetime]:
    """Return by message the first click of a person on the link that counts, from the events."""
    first: dict[int | None, datetime] = {}
    links = {
        link.pk for link in selectors.links_of(Mailing.objects.values_list("pk", flat=True)) if link.label == "offer"
    }
    clicks = Event.objects.filter(kind=EventKind.CLICKED, link_id__in=links).exclude(verdict=Verdict.MACHINE)
    for message_id, at in clicks.order_by("-occurred_at").values_list("message_id", "occurred_at"):
        first[message_id] = at
    return first


@dataclass(slots=True)
class World:
    """Six messages that wait, of a mailing whose responses count by age, in two strata."""

    sent: Sent
    messages: list[Message] = field(default_factory=list)

    @classmethod
    def make(cls) -> "World":
        sent = make_sent(recipients=6, links=0)
        sent.links = [
            make_link(sent.mailing, f"https://example.com/{number}", label="offer" if number < 2 else "")
            for number in range(3)
        ]
        sent.links.append(make_link(sent.mailing, "https://example.com/trap", label=HONEYPOT_LABEL))
        Message.objects.filter(mailing=sent.mailing).update(state=MessageState.QUEUED, accepted_at=None)
        for number, message in enumerate(sent.messages):
            message.stratum = number % 2
            message.save(update_fields=["stratum"])
        Mailing.objects.filter(pk=sent.mailing.pk).update(response_bounds=BOUNDS, response_link="offer")
        return cls(sent, sent.messages)

    def ids(self, who: list[int]) -> list[int]:
        return [self.messages[number].pk for number in who]

    def settle(self, who: list[int], end: MessageState, at: datetime) -> None:
        """Give the ledger what a server said of some messages."""
        mailing = Mailing.objects.get(pk=self.sent.mailing.pk)
        ids = self.ids(who)
        if end is MessageState.ACCEPTED:
            found = [receipts.accepted(pk, Reply(250, [b"ok"]), at=at) for pk in ids]
        else:
            found = [Receipt(pk, end, "", at, tried=end is not MessageState.SKIPPED) for pk in ids]
        held = ledger.Held(
            0, "", mailing.pk, self.messages[0].mailbox_id, mailing.workspace_id, rules=Rules.of_mailing(mailing)
        )
        with transaction.atomic():
            tally = Tally()
            ledger.record(held, found, tally)
            tally.write()


moments = st.builds(
    lambda hours, micros: SENT_AT + hours * HOUR + timedelta(microseconds=micros),
    st.sampled_from([-1, 0, 1, 1, 1, 2, 3, 24, 25]),
    st.sampled_from([0, 1, 500_000, 1_000_000, 1_800_000_000]),
)
people = st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True)
someone = st.integers(0, 5)
hits = st.lists(
    st.tuples(someone, moments, st.integers(-1, 3), st.sampled_from([CHROME, CHROME, CHROME, GMAIL, APPLE_MPP])),
    min_size=1,
    max_size=8,
)
gestures = st.one_of(
    st.tuples(st.just("accept"), people, moments),
    st.tuples(st.just("accept"), people, moments),
    st.tuples(st.just("end"), people, moments, st.sampled_from(OTHER_ENDS)),
    st.tuples(st.just("cancel"), people),
    st.tuples(st.just("hits"), hits),
    st.tuples(st.just("hits"), hits),
    st.tuples(st.just("unsubscribe"), someone, moments),
    st.tuples(st.just("undo"), someone),
    st.tuples(st.just("reply"), someone, moments),
    st.tuples(st.sampled_from(["convert", "bounce", "complain"]), people, moments),
    st.tuples(st.just("spoil"), someone, moments),
    st.tuples(st.just("recount")),
)


@contextmanager
def forgotten() -> Iterator[None]:
    """Run a block whose changes to the database are to be forgotten."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


type Gesture = tuple[Any, ...]


def play(world: World, gesture: Gesture) -> None:
    """Do what a gesture says: its name, then its own arguments."""
    name, *rest = gesture
    if name == "recount":
        assert not tracking.recount().responses
    elif name == "hits":
        tracking.record_hits(
            [
                make_hit(world.messages[who], at, link=world.sent.links[link] if link >= 0 else 0, user_agent=agent)
                for who, at, link, agent in rest[0]
            ]
        )
    elif name in TO_ONE:
        TO_ONE[name](world.messages[rest[0]], *rest[1:])
    else:
        TO_MANY[name](world, rest[0], *rest[1:])


def spoil(message: Message, at: datetime) -> None:
    """Do what only a fault can do; the recount has to mend it."""
    Message.objects.filter(pk=message.pk).update(linked_at=at, clicked_at=None)
    ResponseCounter.objects.filter(stratum=message.stratum).update(sent=7, clicked=3)
    tracking.recount()


TO_ONE: dict[str, Callable[..., object]] = {
    "unsubscribe": lambda message, at: delivery.record_unsubscribe(message.pk, at),
    "undo": lambda message: delivery.withdraw_unsubscribe(message.pk),
    "reply": lambda message, at: delivery.record_reply(workspace_id=message.workspace_id, message_id=message.pk, at=at),
    "spoil": spoil,
}
TO_MANY: dict[str, Callable[..., object]] = {
    "accept": lambda world, who, at: world.settle(who, MessageState.ACCEPTED, at),
    "end": lambda world, who, at, end: world.settle(who, end, at),
    "cancel": lambda world, who: delivery.cancel_messages(message_ids=world.ids(who), reason="goal"),
    "convert": lambda world, who, at: delivery.record_conversions(message_ids=world.ids(who), at=at),
    "bounce": lambda world, who, at: delivery.record_bounces(message_ids=world.ids(who), at=at),
    "complain": lambda world, who, at: delivery.record_complaints(message_ids=world.ids(who), at=at),
}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people, st.lists(gestures, min_size=1, max_size=14))
def test_the_counters_are_what_a_count_of_messages_and_events_says(first, played):
    with forgotten():
        world = World.make()
        play(world, ("accept", first, SENT_AT))
        for gesture in played:
            play(world, gesture)
            assert counted() == recounted(), gesture
        linked = dict(Message.objects.exclude(linked_at=None).values_list("pk", "linked_at"))
        assert linked == first_linked()
        differences = recount.find_differences()
        assert not differences.responses
        assert not differences.messages
        for cutoff in (SENT_AT, SENT_AT + 2 * HOUR):
            assert settled(world.sent.mailing.pk, cutoff) == settled_by_row(world.sent.mailing.pk, cutoff)
        event(f"re-classed: {Event.objects.filter(reason__in=['burst', 'honeypot']).exists()}")
        event(f"linked: {bool(linked)}")
        event(f"accepted: {sum(counted()[cell] for cell in counted() if cell[4] == 'sent')}")


def test_what_comes_before_the_acceptance_is_counted_with_it():
    world = World.make()
    play(world, ("hits", [(0, SENT_AT - HOUR, 0, CHROME), (0, SENT_AT + 2 * HOUR, -1, CHROME)]))
    play(world, ("unsubscribe", 0, SENT_AT + 4 * HOUR))
    assert not counted()
    play(world, ("accept", [0, 1], SENT_AT))
    assert counted() == recounted() != Counter()
    (mailing,) = {cell[0] for cell in counted()}
    assert counted() == {
        (mailing, 0, SENT_AT, 0, "sent"): 1,
        (mailing, 1, SENT_AT, 0, "sent"): 1,
        (mailing, 0, SENT_AT, 0, "clicked"): 1,
        (mailing, 0, SENT_AT, 0, "clicked_any"): 1,
        (mailing, 0, SENT_AT, 0, "linked"): 1,
        (mailing, 0, SENT_AT, 1, "opened"): 1,
        (mailing, 0, SENT_AT, 1, "opened_any"): 1,
        (mailing, 0, SENT_AT, 2, "unsubscribed"): 1,
    }


def test_a_first_click_that_turns_out_to_be_a_machines_gives_way_to_the_next_persons():
    world = World.make()
    play(world, ("accept", [0], SENT_AT))
    play(world, ("hits", [(0, SENT_AT + HOUR, 0, CHROME), (0, SENT_AT + 5 * HOUR, 1, CHROME)]))
    before = counted()
    play(world, ("hits", [(0, SENT_AT + HOUR, 3, CHROME)]))
    lags = {column: {cell[3] for cell in counted() if cell[4] == column} for column in ("clicked", "linked")}
    assert {cell[3] for cell in before if cell[4] == "linked"} == {0}
    assert lags == {"clicked": {2}, "linked": {2}}
    assert counted() == recounted()


def test_messages_that_go_out_as_another_mailing_count_there():
    world = World.make()
    mailing = Mailing.objects.get(pk=world.sent.mailing.pk)
    other = delivery.revise_mailing(mailing, subject="Better", source="<p>Better</p>", format="html")
    Message.objects.filter(pk=world.messages[0].pk).update(mailing=other)
    play(world, ("accept", [0, 1], SENT_AT))
    play(world, ("hits", [(0, SENT_AT, -1, CHROME), (1, SENT_AT, -1, CHROME)]))
    assert counted() == recounted()
    assert {cell[0] for cell in counted()} == {world.sent.mailing.pk, other.pk}


@pytest.mark.django_db(transaction=True)
def test_acceptances_hits_and_unsubscriptions_at_the_same_moment_lose_nothing(empty_event_store):
    """Three connections change the same messages at once; whoever is second counts what the first one wrote."""
    world = World.make()
    for attempt in range(6):
        who = [attempt]
        work = [
            ("accept", who, SENT_AT),
            ("hits", [(attempt, SENT_AT + 2 * HOUR, 0, CHROME)]),
            ("unsubscribe", attempt, SENT_AT + 4 * HOUR),
            ("convert", who, SENT_AT + HOUR),
        ]
        start = Barrier(len(work))
        faults: list[BaseException] = []

        def run(gesture: Gesture, start: Barrier = start, faults: list[BaseException] = faults) -> None:
            try:
                start.wait(timeout=30)
                play(world, gesture)
            except BaseException as error:  # noqa: BLE001 - told by the main thread
                faults.append(error)
            finally:
                connection.close()

        threads = [Thread(target=run, args=(gesture,)) for gesture in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not faults
    assert counted() == recounted()
    assert sum(number for cell, number in counted().items() if cell[4] == "linked") == 6
