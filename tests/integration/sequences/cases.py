"""Random cases for the engine, many in one database run: sequences of all kinds, people, events, replies, pauses and deaths.

A case follows from its seed. `play` runs cases together on the engine, in simulated time, and yields what it and the
interpreter (`reference`) say about each person. Used by the tests and by `make proof P=engine`.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from campaigns import services as campaigns
from campaigns.models import Campaign
from contacts import services as contacts
from contacts.models import Contact, ContactField, List
from core import clock, facts
from delivery.events import MessagesAccepted, MessagesFinished
from delivery.models import Mailbox, Message, MessageState
from sequences import services
from sequences.models import Decision, Enrolment, EnrolmentState, OutboxItem, Sequence
from sequences.services import ReplyKind
from team.models import Membership, User, Workspace
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document, make_mailbox
from tests.integration.sequences.reference import Fate, Interpreter, Person
from tracking.custom import NewEvent
from tracking.events import HitsRecorded
from tracking.services import record_custom_events

TICKS = 24
PEOPLE = 4
DEEPEST = 3
# A step or two more may come to end lanes; the product's own limit is 50.
MOST_STEPS = 26
# The end of winter time in Berlin (29 March 2026) lies in the second; waits grow with the ticks.
PACES = (
    (timedelta(minutes=15), datetime(2026, 3, 2, 9, tzinfo=UTC)),
    (timedelta(hours=6), datetime(2026, 3, 26, 9, tzinfo=UTC)),
)
ENDS = ["accepted"] * 7 + ["bounced", "failed", "skipped", "unknown", "cancelled"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York"]


@dataclass
class Case:
    """One sequence and its people; a `death` is a tick, a way of dying and the number of a statement."""

    seed: int
    tick: timedelta
    start: datetime
    steps: list[dict[str, Any]]
    people: list[Person]
    pool: list[Fate]
    cold: bool
    leaves: str | None
    paused: tuple[int, int]
    contact_ids: list[int] = field(default_factory=list)
    sequence: Sequence | None = None

    @property
    def made(self) -> Sequence:
        """The sequence, once it is made."""
        assert self.sequence is not None
        return self.sequence

    def fate_of(self, number: int, key: str, before: int) -> Fate:
        """Return what becomes of a message, for the engine's world and the interpreter alike."""
        return self.pool[(number * 5 + sum(map(ord, key)) + before * 3) % len(self.pool)]


@dataclass(frozen=True)
class Ground:
    """What all cases of a run share."""

    workspace: Workspace
    mailbox: Mailbox
    list: List
    member: Membership
    other: Sequence


class Writer:
    """Draws a sound document: nothing unreachable, every loop with a wait, engagement asked of emails sent before."""

    def __init__(self, dice: random.Random, ground: Ground, tick: timedelta) -> None:
        self.dice, self.ground, self.unit = dice, ground, tick * 7 / 15
        self.keys: list[str] = []

    def length(self) -> timedelta:
        return self.dice.randint(1, 8) * self.unit

    def step(self, kind: str, **settings: Any) -> dict[str, Any]:
        key = f"s{len(self.keys)}"
        self.keys.append(key)
        return {"key": key, "kind": kind, **settings}

    def email(self) -> dict[str, Any]:
        settings = {"expires_after": self.length() / 4} if self.dice.random() < 0.2 else {}
        step = self.step("email", source=SOURCE, **settings)
        return {**step, "subject": f"Mail {step['key']}"}

    def document(self) -> list[dict[str, Any]]:
        steps, _ = self.lane(0, [], may_end=False)
        return [*steps, {**self.step("email", source=SOURCE), "key": "last", "subject": "Last"}]

    def lane(self, depth: int, emails: list[str], *, may_end: bool) -> tuple[list[dict[str, Any]], list[str]]:
        """Return steps, and the emails that whoever leaves the lane may have been sent."""
        steps: list[dict[str, Any]] = []
        emails = list(emails)
        flat = ["email", "email", "wait", "wait", "until", "action", "action", "goal_event"]
        kinds = flat if depth >= DEEPEST else [*flat, "branch", "branch", "split", "wait_for"]
        for _ in range(self.dice.randint(0, 4)):
            if len(self.keys) >= MOST_STEPS:
                return steps, emails
            kind = self.dice.choice(kinds)
            step = self.email() if kind == "email" else getattr(self, kind)(depth, emails)
            if kind == "email":
                emails.append(step["key"])
            steps.append(step)
        if may_end and len(self.keys) < MOST_STEPS:
            match self.dice.choice(["", "", "", "exit", "goal", "skip", "back"]):
                case "exit" | "goal" as end:
                    return [*steps, self.step(end)], []
                case "skip":
                    return [*steps, self.step("jump", to="last")], []
                case "back":
                    target = self.dice.choice(self.keys)
                    return [*steps, self.step("wait", wait=self.length()), self.step("jump", to=target)], []
        return steps, emails

    def wait(self, depth: int, emails: list[str]) -> dict[str, Any]:
        return self.step("wait", wait=self.length())

    def until(self, depth: int, emails: list[str]) -> dict[str, Any]:
        clock_ = f"{self.dice.randint(0, 16):02}:{self.dice.choice([0, 20, 30, 45]):02}"
        match self.dice.choice(["weekdays", "weekdays", "calendar", "date"]):
            case "weekdays":
                days = self.dice.choice([[0], [1], [0, 3], [5, 6]])
                return self.step("wait", until={"weekdays": days, "time": clock_})
            case "calendar":
                return self.step("wait", wait=timedelta(days=self.dice.randint(1, 3)), calendar=True)
        until = {"field": "renewal", "offset_days": self.dice.randint(-2, 2), "time": clock_}
        return self.step("wait", until={**until, "yearly": self.dice.random() < 0.5})

    def action(self, depth: int, emails: list[str]) -> dict[str, Any]:
        dice, ground = self.dice, self.ground
        match dice.choice(["list", "field", "tag", "tag", "webhook", "notify", "start", "stop"]):
            case "list":
                return self.step("action", do=dice.choice(["add_to_list", "remove_from_list"]), list=ground.list.pk)
            case "field":
                return self.step("action", do="set_field", field="plan", value=dice.choice(["pro", "free"]))
            case "tag":
                return self.step("action", do=dice.choice(["add_tag", "add_tag", "remove_tag"]), tag=self.tag())
            case "webhook":
                return self.step("action", do="webhook", url="https://receiver.example/hook")
            case "notify":
                return self.step("action", do="notify", members=[ground.member.user_id])
            case "start":
                return self.step("action", do="start_sequence", sequence=ground.other.pk, again=dice.random() < 0.5)
        return self.step("action", do="stop_sequence", sequence=ground.other.pk)

    def tag(self) -> str:
        return self.dice.choice(["vip", "customer"])

    def goal_event(self, depth: int, emails: list[str]) -> dict[str, Any]:
        return self.step("goal", event=self.dice.choice(["paid", "rare", "rare"]))

    def wait_for(self, depth: int, emails: list[str]) -> dict[str, Any]:
        step = self.step("wait_for", event=self.dice.choice(["seen", "bought"]), timeout=self.length())
        return {**step, "lanes": self.lanes(depth, emails, ["happened", "timeout"])}

    def branch(self, depth: int, emails: list[str]) -> dict[str, Any]:
        on = self.dice.choice(["list", "field", "tags", "event", "engagement", "engagement"])
        settings: dict[str, Any] = {"list": self.ground.list.pk}
        outcomes = ["yes", "no"]
        if on == "engagement" and emails:
            settings = {"step": self.dice.choice(emails), "window": self.length()}
            outcomes = ["yes", "no", "undelivered"]
        elif on == "event":
            settings = {
                "event": self.dice.choice(["seen", "bought"]),
                "at_least": self.dice.randint(1, 2),
                "within": self.length(),
            }
        elif on == "field":
            settings = {"field": "custom.plan", "operator": "is", "value": "pro"}
        elif on == "tags":
            on, settings = "field", {"field": "tags", "operator": "has", "value": self.tag()}
        else:
            on = "list"
        step = self.step("branch", on=on, **settings)
        return {**step, "lanes": self.lanes(depth, emails, outcomes)}

    def split(self, depth: int, emails: list[str]) -> dict[str, Any]:
        step = self.step("split", split_key=self.dice.choice("uvw"), shares={"a": 40, "b": 35, "c": 25})
        return {**step, "lanes": self.lanes(depth, emails, ["a", "b", "c"])}

    def lanes(self, depth: int, emails: list[str], outcomes: list[str]) -> dict[str, Any]:
        """Write the lanes; the first never ends, so that what follows can be reached."""
        before, lanes = list(emails), {}
        for number, outcome in enumerate(outcomes):
            lanes[outcome], seen = self.lane(depth + 1, before, may_end=number > 0)
            emails += [key for key in seen if key not in emails]
        return lanes


def make_ground() -> Ground:
    """Write what all cases share: a workspace with a list, two fields, a member, and another campaign that is under way."""
    workspace = Workspace.objects.create(name="Cases", slug=f"cases{Workspace.objects.count()}", time_zone="UTC")
    mailbox = make_mailbox(workspace)
    user = User.objects.create(email=f"member{User.objects.count()}@example.com")
    steps = [{"kind": "wait", "wait": "P300D"}, {"kind": "email", "subject": "Other", "source": SOURCE}]
    campaign = campaigns.create_campaign(
        workspace=workspace, name="Other", kind="drip", steps=steps, mailboxes=[mailbox]
    )
    services.publish(campaign.sequence)
    Campaign.objects.filter(pk=campaign.pk).update(status="running")
    contacts.create_field(workspace=workspace, label="Plan")
    ContactField.objects.create(workspace=workspace, key="renewal", label="Renewal", type="date")
    return Ground(
        workspace,
        mailbox,
        contacts.create_list(workspace=workspace, name="Customers"),
        Membership.objects.create(workspace=workspace, user=user, role="owner"),
        campaign.sequence,
    )


def write_case(seed: int, ground: Ground, pace: int, people: int = PEOPLE) -> Case:
    """Return the case of a seed, with its first people."""
    dice = random.Random(f"{seed}:{pace}")
    tick, start = PACES[pace]

    def later(most: int) -> timedelta:
        return dice.randint(0, most) * tick * 7 / 15

    def fate() -> Fate:
        away = (later(8), dice.choice([0, 1, 1, 2, 400])) if dice.random() < 0.15 else None
        click = later(20) if dice.random() < 0.5 else None
        reply = later(20) if dice.random() < 0.25 else None
        return Fate(dice.randint(0, 3), dice.choice(ENDS), click, reply, away)

    def person(number: int) -> Person:
        happenings = [
            (dice.choice(["seen", "seen", "bought", "paid"]), start + dice.randint(1, 60) * tick * 6 / 15)
            for _ in range(dice.randint(0, 4))
        ]
        renewal = (start.date() + timedelta(days=dice.randint(-3, 8))).isoformat() if dice.random() < 0.8 else None
        tags = {tag for tag in ("vip", "customer") if dice.random() < 0.15}
        return Person(
            number, dice.choice(ZONES), dice.choice(["pro", "free"]), dice.random() < 0.5, renewal, tags, happenings
        )

    first = dice.randint(0, TICKS - 1)
    return Case(
        seed,
        tick,
        start,
        Writer(dice, ground, tick).document(),
        [person(number) for number in range(PEOPLE)][:people],
        [fate() for _ in range(8)],
        cold=dice.random() < 0.4,
        leaves="customer" if dice.random() < 0.3 else None,
        paused=(first, first + dice.randint(0, 5)) if dice.random() < 0.3 else (0, -1),
    )


class KilledError(BaseException):
    """The worker died between two statements."""


# Runs its first argument until the statement of this number, and kills it there; tells whether it lived.
Kill = Callable[[Callable[[], object], int], bool]


def kill_by_raising(work: Callable[[], object], left: int) -> bool:
    """Kill the transaction, as an exception does; the connection lives on (in a test it holds the test's own transaction)."""

    def count_down(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):  # the test's own transaction must live on
            left -= 1
            if left == -1:
                raise KilledError
        return execute(sql, params, many, context)

    try:
        with connection.execute_wrapper(count_down):
            work()
    except KilledError:
        return False
    return True


class World:
    """Servers, readers and other programs: every message meets its fate, and the facts that tell of it are handled."""

    def __init__(self, cases: list[Case], ground: Ground) -> None:
        self.case_of = {contact_id: case for case in cases for contact_id in case.contact_ids}
        self.ground = ground
        self.sent: dict[int, list[tuple[int, str]]] = defaultdict(list)
        self._known = Message.objects.order_by("pk").values_list("pk", flat=True).last() or 0
        self._count: dict[tuple[int, str], int] = defaultdict(int)
        self._waiting: list[tuple[datetime, Fate, Message]] = []
        self._later: list[tuple[datetime, str, Message, Any]] = []

    def turn(self, number: int, now: datetime, tick: timedelta, deliver: Callable[[], object]) -> None:
        """What happens between two ticks."""
        for message in Message.objects.filter(pk__gt=self._known).select_related("mailing").order_by("pk"):
            self._known = message.pk
            contact_id = message.contact_id or 0
            case = self.case_of.get(contact_id)
            if case is None:
                continue
            key = message.key.split(":")[1]
            self.sent[contact_id].append((number, message.mailing.subject))
            fate = case.fate_of(case.contact_ids.index(contact_id), key, self._count[contact_id, key])
            self._count[contact_id, key] += 1
            self._waiting.append((now + fate.delay * tick, fate, message))
        due = [each for each in self._waiting if each[0] <= now]
        self._waiting = [each for each in self._waiting if each[0] > now]
        self._end(due, now)
        deliver()
        self._tell(now)
        happened = [
            NewEvent(contact_id, name, at)
            for contact_id, case in self.case_of.items()
            for name, at in case.people[case.contact_ids.index(contact_id)].events
            if now - tick < at <= now
        ]
        record_custom_events(self.ground.workspace.pk, happened)
        deliver()

    def _end(self, due: list[tuple[datetime, Fate, Message]], now: datetime) -> None:
        """Servers take or refuse what still waits."""
        waiting = Message.objects.filter(pk__in=[message.pk for _, _, message in due], state=MessageState.QUEUED)
        alive = set(waiting.values_list("pk", flat=True))
        ended: dict[str, list[Message]] = defaultdict(list)
        for _, fate, message in due:
            if message.pk not in alive:
                continue
            ended[fate.end].append(message)
            if fate.end != "accepted":
                continue
            if fate.click is not None:
                self._later.append((now + fate.click, "click", message, None))
            if fate.reply is not None:
                self._later.append((now + fate.reply, "reply", message, None))
            if fate.away is not None:
                self._later.append((now + fate.away[0], "away", message, fate.away[1]))
        bounced = [message.pk for message in ended["bounced"]]
        with transaction.atomic():
            Message.objects.filter(pk__in=bounced).update(bounced_at=now)
            taken = [*ended["accepted"], *ended["bounced"]]
            self._record(taken, now, {"state": MessageState.ACCEPTED, "accepted_at": now}, "accepted")
            for end in ("failed", "skipped", "unknown", "cancelled"):
                self._record(ended[end], now, {"state": MessageState[end.upper()]}, end)

    def _record(self, messages: list[Message], now: datetime, columns: dict[str, Any], end: str) -> None:
        """Write what became of the messages, and the facts that tell of it."""
        Message.objects.filter(pk__in=[message.pk for message in messages]).update(**columns)
        by_mailing: dict[int, list[int]] = defaultdict(list)
        for message in messages:
            by_mailing[message.mailing_id].append(message.pk)
        for mailing_id, ids in by_mailing.items():
            fact = (
                MessagesAccepted(mailing_id, ids, now) if end == "accepted" else MessagesFinished(mailing_id, ids, end)
            )
            facts.record(fact, workspace_id=self.ground.workspace.pk, occurred_at=now)

    def _tell(self, now: datetime) -> None:
        """People click and reply, machines say that somebody is away."""
        due = [each for each in self._later if each[0] <= now]
        self._later = [each for each in self._later if each[0] > now]
        for at, what, message, _ in due:
            if what != "click":
                continue
            Message.objects.filter(pk=message.pk).update(clicked_at=at, clicked_any_at=at)
            fact = HitsRecorded(message.workspace_id, [], [], [message.pk])
            facts.record(fact, workspace_id=message.workspace_id, occurred_at=at)
        for at, what, message, days in due:
            if what == "click" or message.contact_id is None:
                continue
            returns_on = None
            if what == "away":
                returns_on = self._day_of(message.contact_id, at) + timedelta(days=days)
            services.note_reply(
                workspace_id=message.workspace_id,
                contact_id=message.contact_id,
                kind=ReplyKind.HUMAN if what == "reply" else ReplyKind.OUT_OF_OFFICE,
                received_at=at,
                message_id=message.pk,
                returns_on=returns_on,
            )

    def _day_of(self, contact_id: int, at: datetime) -> date:
        from zoneinfo import ZoneInfo

        case = self.case_of[contact_id]
        return at.astimezone(ZoneInfo(case.people[case.contact_ids.index(contact_id)].zone)).date()


def play(  # noqa: C901 - a story, told from beginning to end
    seeds: list[int],
    *,
    pace: int,
    kills: tuple[Kill, ...] = (kill_by_raising,),
    limit: int = 40,
    deadly: float = 0.5,
    people: int = PEOPLE,
) -> Iterator[tuple[Case, Person, Any, Any]]:
    """Run the cases of the seeds together; yields (case, person, what the engine did, what the interpreter tells)."""
    tick, start = PACES[pace]
    dice = random.Random(f"deaths:{seeds[0]}:{pace}")
    with clock.simulated(start):
        ground = make_ground()
        cases = [write_case(seed, ground, pace, people) for seed in seeds]
        for case in cases:
            _set_up(case, ground)
        world = World(cases, ground)

    def survive(work: Callable[[], object]) -> None:
        """Have it done by workers of which some die at it."""
        while dice.random() < deadly:
            if dice.choice(kills)(work, int(dice.expovariate(1 / 25))):
                return
        work()

    for number in range(TICKS):
        now = start + number * tick
        with clock.simulated(now):
            for case in cases:
                if case.paused[0] == number <= case.paused[1]:
                    services.pause(case.made)
            survive(lambda: services.advance_due(now=now, limit=limit))  # noqa: B023 - called at once
            world.turn(number, now, tick, lambda: survive(facts.deliver))
            for case in cases:
                if case.paused[1] == number >= case.paused[0]:
                    services.resume(case.made)
    for case in cases:
        yield from _compared(case, world, ground)


def _set_up(case: Case, ground: Ground) -> None:
    sequence = case.sequence = make_document(ground.workspace, deepcopy(case.steps))
    rules = {"match": "all", "conditions": [{"field": "tags", "operator": "has", "value": case.leaves}]}
    services.update_rules(sequence, on_reply="stop" if case.cold else "go_on", exit_filter=rules if case.leaves else {})
    case.contact_ids = make_contacts(ground.workspace, len(case.people), prefix=f"case{case.seed}-")
    for person, contact_id in zip(case.people, case.contact_ids, strict=True):
        attributes = {"plan": person.plan} | ({"renewal": person.renewal} if person.renewal else {})
        Contact.objects.filter(pk=contact_id).update(
            time_zone=person.zone, attributes=attributes, tags=sorted(person.tags)
        )
    contacts.add_members(
        list_=ground.list, contact_ids=[case.contact_ids[each.number] for each in case.people if each.in_list]
    )
    enrol(sequence, case.contact_ids, ground.mailbox)


def _compared(case: Case, world: World, ground: Ground) -> Iterator[tuple[Case, Person, Any, Any]]:
    enrolments = {each.contact_id: each for each in Enrolment.objects.filter(sequence=case.made)}
    decisions, told_of, others = defaultdict(list), defaultdict(list), defaultdict(list)
    for decision in Decision.objects.filter(enrolment__in=enrolments.values()).order_by("pk"):
        decisions[decision.enrolment_id].append((decision.step_key, decision.lane, decision.decided_at))
    for item in OutboxItem.objects.filter(enrolment__in=enrolments.values()).order_by("pk"):
        told_of[item.enrolment_id].append(item.step_key)
    for other in Enrolment.objects.filter(sequence=ground.other, contact__in=case.contact_ids).order_by("pk"):
        others[other.contact_id].append(_end_of(other))
    people = Contact.objects.in_bulk(case.contact_ids)
    members = set(ground.list.contacts.filter(pk__in=case.contact_ids).values_list("pk", flat=True))
    for person, contact_id in zip(case.people, case.contact_ids, strict=True):
        enrolment, contact = enrolments[contact_id], people[contact_id]
        did = {
            "sent": world.sent[contact_id],
            "end": _end_of(enrolment),
            "lanes": decisions[enrolment.pk],
            "told": told_of[enrolment.pk],
            "elsewhere": others[contact_id],
            "contact": (contact.attributes["plan"], contact_id in members, set(contact.tags)),
        }

        def fate(key: str, before: int, number: int = person.number) -> Fate:
            return case.fate_of(number, key, before)

        story = Interpreter(
            deepcopy(case.steps),
            deepcopy(person),
            fate,
            start=case.start,
            tick=case.tick,
            ticks=TICKS,
            contact_id=contact_id,
            cold=case.cold,
            leaves=case.leaves,
            paused=case.paused,
        ).tell()
        told = {
            "sent": story.sent,
            "end": story.end,
            "lanes": story.lanes,
            "told": story.told,
            "elsewhere": story.elsewhere,
            "contact": (story.plan, story.in_list, story.tags),
        }
        yield case, person, did, told


def _end_of(enrolment: Enrolment) -> str:
    if enrolment.state in (EnrolmentState.ACTIVE, EnrolmentState.HELD):
        return "active"
    return enrolment.reason or EnrolmentState(enrolment.state).name.lower()
