"""The engine against a slow interpreter of the same rules, with servers that are slow or refuse and workers that die."""

from collections import defaultdict
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contacts import services as contacts
from contacts.models import Contact
from core import clock, facts
from delivery.models import Message, MessageState
from sequences import services
from sequences.models import Decision, Enrolment, EnrolmentState
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document, make_mailbox
from tests.factories.team import WorkspaceFactory
from tests.integration.sequences.conftest import START
from tests.integration.sequences.reference import Fate, Interpreter, Person
from tests.integration.sequences.world import accept, finish
from tracking.custom import NewEvent
from tracking.events import HitsRecorded
from tracking.services import record_custom_events

TICK = timedelta(minutes=15)
TICKS = 24
PEOPLE = 4
DEEPEST = 3
# A step or two more may come to end lanes; the product's own limit is 50.
MOST_STEPS = 30

ENDS = ["accepted"] * 6 + ["bounced", "failed", "skipped", "unknown", "cancelled"]
fates = st.builds(
    Fate,
    st.integers(0, 3),
    st.sampled_from(ENDS),
    st.none() | st.integers(0, 20).map(lambda units: units * timedelta(minutes=7)),
)
events = st.sampled_from(["seen", "bought"])
moments = st.integers(1, 60).map(lambda units: START + units * timedelta(minutes=6))
happenings = st.lists(st.tuples(st.sampled_from(["seen", "seen", "bought", "paid"]), moments), max_size=4)
waits = st.integers(1, 8).map(lambda units: units * timedelta(minutes=7))


class Writer:
    """Draws a sound document: nothing unreachable, every loop with a wait, engagement asked of emails sent before."""

    def __init__(self, draw, list_id):
        self.draw, self.list_id = draw, list_id
        self.keys: list[str] = []

    def step(self, kind, **settings):
        key = f"s{len(self.keys)}"
        self.keys.append(key)
        return {"key": key, "kind": kind, **settings}

    def email(self):
        step = self.step("email", source=SOURCE)
        return {**step, "subject": f"Mail {step['key']}"}

    def document(self):
        steps, _ = self.lane(0, [], may_end=False)
        return [*steps, {**self.email(), "key": "last", "subject": "Last"}]

    def lane(self, depth, emails, *, may_end):
        """Return steps, and the emails that whoever leaves the lane may have been sent."""
        steps: list[dict[str, Any]] = []
        emails = list(emails)
        kinds = ["email", "email", "wait", "wait", "until", "action", "goal_event", "branch", "split", "wait_for"]
        for _ in range(self.draw(st.integers(0, 3))):
            if len(self.keys) >= MOST_STEPS:
                return steps, emails
            kind = self.draw(st.sampled_from(kinds[: 7 if depth >= DEEPEST else 10]))
            step = getattr(self, kind)(depth, emails) if kind != "email" else self.email()
            if kind == "email":
                emails.append(step["key"])
            steps.append(step)
        if may_end and len(self.keys) < MOST_STEPS:
            match self.draw(st.sampled_from(["", "", "", "exit", "goal", "skip", "back"])):
                case "exit" | "goal" as end:
                    return [*steps, self.step(end)], []
                case "skip":
                    return [*steps, self.step("jump", to="last")], []
                case "back":
                    target = self.draw(st.sampled_from(self.keys))
                    return [*steps, self.step("wait", wait=self.draw(waits)), self.step("jump", to=target)], []
        return steps, emails

    def wait(self, depth, emails):
        return self.step("wait", wait=self.draw(waits))

    def until(self, depth, emails):
        hour, minute = self.draw(st.integers(8, 16)), self.draw(st.sampled_from([0, 20, 45]))
        days = self.draw(st.sampled_from([[0], [1], [0, 3]]))
        return self.step("wait", until={"weekdays": days, "time": f"{hour:02}:{minute:02}"})

    def action(self, depth, emails):
        if self.draw(st.booleans()):
            return self.step("action", do="set_field", field="plan", value=self.draw(st.sampled_from(["pro", "free"])))
        return self.step(
            "action", do=self.draw(st.sampled_from(["add_to_list", "remove_from_list"])), list=self.list_id
        )

    def goal_event(self, depth, emails):
        return self.step("goal", event=self.draw(st.sampled_from(["paid", "rare", "rare"])))

    def wait_for(self, depth, emails):
        step = self.step("wait_for", event=self.draw(events), timeout=self.draw(waits))
        return {**step, "lanes": self.lanes(depth, emails, ["happened", "timeout"])}

    def branch(self, depth, emails):
        on = self.draw(st.sampled_from(["list", "field", "event", *["engagement"] * 2]))
        if on == "engagement" and emails:
            settings = {"step": self.draw(st.sampled_from(emails)), "window": self.draw(waits)}
            outcomes = ["yes", "no", "undelivered"]
        elif on == "event":
            settings = {
                "event": self.draw(events),
                "at_least": self.draw(st.integers(1, 2)),
                "within": self.draw(waits),
            }
            outcomes = ["yes", "no"]
        elif on == "field":
            settings, outcomes = {"field": "custom.plan", "operator": "is", "value": "pro"}, ["yes", "no"]
        else:
            on, settings, outcomes = "list", {"list": self.list_id}, ["yes", "no"]
        step = self.step("branch", on=on, **settings)
        return {**step, "lanes": self.lanes(depth, emails, outcomes)}

    def split(self, depth, emails):
        step = self.step("split", split_key=self.draw(st.sampled_from("uvw")), shares={"a": 40, "b": 35, "c": 25})
        return {**step, "lanes": self.lanes(depth, emails, ["a", "b", "c"])}

    def lanes(self, depth, emails, outcomes):
        """Write the lanes; the first never ends, so that what follows can be reached."""
        before, lanes = list(emails), {}
        for number, outcome in enumerate(outcomes):
            lanes[outcome], seen = self.lane(depth + 1, before, may_end=number > 0)
            emails += [key for key in seen if key not in emails]
        return lanes


class KilledError(Exception):
    """The worker died between two statements."""


def advance_with_kills(now, kills):
    """Run the engine; each number in `kills` kills a run at that statement.  Then a run that lives does the rest."""
    while kills:
        left = kills.pop()

        def count_down(execute, sql, params, many, context):
            nonlocal left
            if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):  # the test's own transaction must live on
                left -= 1
                if left == -1:
                    raise KilledError
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(count_down):
                services.advance_due(now=now, limit=3)
        except KilledError:
            continue
        return
    services.advance_due(now=now, limit=3)


class World:
    """Servers and readers: every message meets its fate, and the fact that tells of it."""

    def __init__(self, fate_of):
        self.fate_of = fate_of
        self.sent = defaultdict(list)
        self._known = 0
        self._count = defaultdict(int)
        self._waiting = []
        self._clicks = []

    def turn(self, number, now):
        """What happens between two ticks."""
        messages = Message.objects.filter(pk__gt=self._known).select_related("mailing").order_by("pk")
        for message in messages:
            key = message.key.split(":")[1]
            self.sent[message.contact_id].append((number, message.mailing.subject))
            fate = self.fate_of(message.contact_id, key, self._count[message.contact_id, key])
            self._count[message.contact_id, key] += 1
            self._waiting.append((now + fate.delay * TICK, fate, message))
            self._known = message.pk
        due = [each for each in self._waiting if each[0] <= now]
        self._waiting = [each for each in self._waiting if each[0] > now]
        for _, fate, message in due:
            self._end(message, fate, now)
        for at, message in [each for each in self._clicks if each[0] <= now]:
            self._clicks.remove((at, message))
            Message.objects.filter(pk=message.pk).update(clicked_at=at, clicked_any_at=at)
            facts.record(
                HitsRecorded(message.workspace_id, [], [], [message.pk]),
                workspace_id=message.workspace_id,
                occurred_at=at,
            )
            facts.deliver()

    def _end(self, message, fate, now):
        if fate.end not in ("accepted", "bounced"):
            finish([message], MessageState[fate.end.upper()], now)
            return
        if fate.end == "bounced":
            Message.objects.filter(pk=message.pk).update(bounced_at=now)
        accept([message], now)
        if fate.click is not None:
            self._clicks.append((now + fate.click, message))


def end_of(enrolment):
    if enrolment.state == EnrolmentState.ACTIVE:
        return "active"
    return enrolment.reason or EnrolmentState(enrolment.state).name.lower()


def differences(draw):
    """Run one case through both; return (what the engine did, what the interpreter tells) for each person."""
    workspace = WorkspaceFactory(time_zone="UTC")
    list_ = contacts.create_list(workspace=workspace, name="Customers")
    contacts.create_field(workspace=workspace, label="Plan")
    steps = Writer(draw, list_.pk).document()
    zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])
    people = [
        Person(number, draw(zones), draw(st.sampled_from(["pro", "free"])), draw(st.booleans()), draw(happenings))
        for number in range(PEOPLE)
    ]
    pool = draw(st.lists(fates, min_size=8, max_size=8))
    deaths = draw(st.lists(st.lists(st.integers(0, 40), max_size=2), max_size=TICKS))
    sequence = make_document(workspace, steps)
    ids = make_contacts(workspace, PEOPLE)
    for person, contact_id in zip(people, ids, strict=True):
        Contact.objects.filter(pk=contact_id).update(time_zone=person.zone, attributes={"plan": person.plan})
    contacts.add_members(list_=list_, contact_ids=[ids[p.number] for p in people if p.in_list])
    enrol(sequence, ids, make_mailbox(workspace))

    def fate_of(number, key, before):
        return pool[(number * 5 + sum(map(ord, key)) + before * 3) % len(pool)]

    world = World(lambda contact_id, key, before: fate_of(ids.index(contact_id), key, before))
    world._known = Message.objects.order_by("pk").values_list("pk", flat=True).last() or 0
    for tick in range(TICKS):
        now = START + tick * TICK
        with clock.simulated(now):
            advance_with_kills(now, list(deaths[tick]) if tick < len(deaths) else [])
            world.turn(tick, now)
            happened = [
                NewEvent(contact_id, name, at)
                for person, contact_id in zip(people, ids, strict=True)
                for name, at in person.events
                if now - TICK < at <= now
            ]
            record_custom_events(workspace.pk, happened)
            facts.deliver()
    for person, contact_id in zip(people, ids, strict=True):
        enrolment = Enrolment.objects.get(sequence=sequence, contact=contact_id)
        lanes = list(
            Decision.objects.filter(enrolment=enrolment).exclude(lane="").order_by("pk").values_list("step_key", "lane")
        )
        did = (world.sent[contact_id], end_of(enrolment), lanes)

        def fate(key, before, number=person.number):
            return fate_of(number, key, before)

        told = Interpreter(
            deepcopy(steps), person, fate, start=START, tick=TICK, ticks=TICKS, contact_id=contact_id
        ).tell()
        yield did, (told.sent, told.end, told.lanes)


@pytest.mark.slow
@pytest.mark.django_db
# Cases are not made smaller: each takes a second, and a failing one says who did what when.
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(data=st.data())
def test_the_engine_does_what_the_interpreter_tells(data):
    # Every case is undone, so that a failing one leaves the next ones a sound transaction.
    with transaction.atomic(), clock.simulated(START):
        for did, told in differences(data.draw):
            assert did == told
        transaction.set_rollback(True)
