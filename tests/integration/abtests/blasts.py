"""Broadcasts under test from launch to the last recipient, in simulated time, whose recipients respond as it was decided beforehand.

All is real but the wire and the people: campaigns, launches, tests and the beat's tasks are the product's, receipts go through the
ledger as a worker's do, hits through tracking's ingestion. What each recipient will do is drawn from the truth of their arm before
anything happens, and kept here: so what has matured at a look can be counted without any counter.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import NormalDist
from typing import Any, Final, NamedTuple

from abtests import services as abtests
from abtests import tasks
from abtests.models import Experiment, Look, Variant
from abtests.plans import size_to_prove
from abtests.statistics import Kind, decide, probability_best
from abtests.statistics.records import verdict_as_json
from abtests.statistics.spending import Look as Spent
from abtests.statistics.spending import next_look
from campaigns import services as campaigns
from campaigns.models import Campaign, Launch
from core import clock, facts
from delivery import claims, receipts
from delivery import services as delivery
from delivery.courier import Trip
from delivery.ledger import Held
from delivery.models import Mailbox, Mailing, Message
from delivery.responses import Rules
from delivery.selectors import HONEYPOT_LABEL
from delivery.services import sending
from delivery.smtp import Reply
from sequences import services as sequences
from sequences.models import Step
from team.models import Workspace
from tests.factories import campaigns as make
from tests.factories.tracking import CHROME, make_hit, make_link
from tracking import services as tracking
from tracking.hits import Hit

START: Final = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
WINDOW: Final = 24 * HOUR
BASE: Final = 0.2
PARTS: Final = 6
# Hours from the first message until half of those who will click have done so; arms differ, which deceives who looks too early.
SPEEDS: Final = (1.0, 4.0, 2.0, 6.0)
# How many more than the test takes are there to get the winner.
REST: Final = 60
MOST_PEOPLE: Final = 2_700
LATE: Final = 0.03
SCANNED: Final = 0.04
FOUND_OUT: Final = 0.02
UNSUBSCRIBES: Final = 0.001
FEWEST_FOR_PEEKING: Final = 100


@dataclass(frozen=True, slots=True)
class Truth:
    """What nobody knows: each arm's share of recipients who click within the window. `best` is None if two tie on top."""

    rates: tuple[float, ...]
    lead: float

    @property
    def best(self) -> int | None:
        top = max(self.rates)
        return self.rates.index(top) if self.rates.count(top) == 1 else None


def truths_with(lead: float) -> tuple[Truth, ...]:
    """Return a planned lead, and ties on top, for two and for four arms."""
    better = BASE + lead
    return (
        Truth((BASE, better), lead),
        Truth((BASE, BASE), lead),
        Truth((BASE, BASE, better, BASE), lead),
        Truth((BASE, better, better, BASE), lead),
    )


class Recipient(NamedTuple):
    """One recipient of an arm: accepted when, and what they do."""

    message_id: int
    arm: int
    accepted_at: datetime
    clicked_at: datetime | None
    unsubscribed_at: datetime | None


@dataclass(slots=True)
class Blast:
    """A campaign, its truth and its people."""

    campaign: Campaign
    experiment: Experiment
    truth: Truth
    random: Random
    arms: dict[int, int] = field(default_factory=dict)
    links: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    people: list[Recipient] = field(default_factory=list)
    others: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Told:
    """What became of one campaign, and what others would have said of the same people."""

    truth: Truth
    disagreements: list[str]
    kind: str
    winner: int | None
    looks: int
    recipients: int
    # The arms that others would have called the winner: looking at the same moments, and every hour at whoever has clicked so far.
    peeking: int | None = None
    chance: int | None = None
    peeking_live: int | None = None
    chance_live: int | None = None


def play(workspace: Workspace, mailbox: Mailbox, people: Sequence[int], truths: Mapping[int, Truth]) -> list[Told]:
    """Run a campaign for each seed's truth, side by side, to its end; the people are the same, each test draws them anew."""
    with clock.simulated(START):
        blasts = [launch(workspace, mailbox, people, seed, truth) for seed, truth in truths.items()]
    hits = Waiting()
    for moment in moments():
        with clock.simulated(moment):
            hits.bring_in(moment)
            work(blasts)
            accept(blasts, hits, moment)
    return [judge(blast) for blast in blasts]


def moments() -> Iterator[datetime]:
    """Yield when the clock stands: each hour, and when everybody of a part has been accepted; the last looks are in hour 31."""
    for hour in range(PARTS + 26):
        yield START.replace(minute=0) + hour * HOUR + timedelta(minutes=5, seconds=20)
        if hour < PARTS:
            yield START.replace(minute=0) + hour * HOUR + timedelta(minutes=25)


def launch(workspace: Workspace, mailbox: Mailbox, people: Sequence[int], seed: int, truth: Truth) -> Blast:
    """Set a broadcast up whose subject is tested, to as many as the plan asks for and some more, and launch it."""
    audience = len(truth.rates) * size_to_prove(len(truth.rates), BASE, truth.lead) + REST
    crowd = make.make_list(workspace, list(people[:audience]), name=f"Crowd {seed}")
    campaign = make.make_campaign(
        workspace, lists=[crowd], mailboxes=[mailbox], name=f"Blast {seed}", subject="News", source=SOURCE
    )
    step = Step.objects.get(version__sequence=campaign.sequence, kind="email")
    experiment = sequences.add_experiment(campaign.sequence, key=step.key)
    plan = {"window_hours": WINDOW // HOUR, "base": BASE, "lead": truth.lead, "batches": PARTS, "spacing_minutes": 60}
    abtests.update_experiment(experiment, metric="click", **plan)
    _control, *others = experiment.variants.order_by("position")
    for variant in others:
        abtests.update_variant(variant, subject=f"Subject {variant.name}")
    for position in range(1 + len(others), len(truth.rates)):
        abtests.add_variant(experiment, subject=f"Subject {position}")
    # Whom an arm goes to depends on the test's key: the same seed is the same test.
    Experiment.objects.filter(pk=experiment.pk).update(key=f"{Random(seed).getrandbits(63):x}")
    campaigns.run_check(campaigns.start_check(campaign).pk)
    campaigns.launch_campaign(campaign, accept_warnings=True)
    experiment.refresh_from_db()
    blast = Blast(campaign, experiment, truth, Random(seed))
    for variant in Variant.objects.filter(experiment=experiment):
        assert variant.mailing_id is not None
        blast.arms[variant.mailing_id] = variant.position
        mailing = Mailing.objects.get(pk=variant.mailing_id)
        offer, other = (make_link(mailing, f"https://example.com/{name}").pk for name in ("offer", "more"))
        trap = make_link(mailing, "https://example.com/trap", label=HONEYPOT_LABEL).pk
        blast.links[variant.mailing_id] = (offer, other, trap)
    return blast


SOURCE: Final = """<html><body><p><a href="https://example.com/offer">Offer</a> <a href="https://example.com/more">More</a></p>
<p><a href="{{ unsubscribeUrl }}">Unsubscribe</a> {{ workspace.address }}</p></body></html>"""


def work(blasts: Sequence[Blast]) -> None:
    """Do what the beat and the workers that it wakes do."""
    tasks.release_due_batches()
    tasks.take_due_looks()
    for blast in blasts:
        if not Launch.objects.filter(campaign=blast.campaign, finished_at=None, waits_for_test=False).exists():
            continue
        campaigns.run_launch(blast.campaign.pk)
    sequences.advance_due(now=clock.now())
    facts.deliver()


class Waiting:
    """Hits that have happened or will, until they are brought in."""

    def __init__(self) -> None:
        self._hits: list[tuple[datetime, Hit]] = []
        self._unsubscribes: list[tuple[datetime, int]] = []

    def add(self, known_at: datetime, hit: Hit) -> None:
        self._hits.append((known_at, hit))

    def unsubscribe(self, at: datetime, message_id: int) -> None:
        self._unsubscribes.append((at, message_id))

    def bring_in(self, now: datetime) -> None:
        """Give tracking what has reached it by now, in the order in which it did."""
        due = sorted((each for each in self._hits if each[0] <= now), key=lambda each: each[0])
        self._hits = [each for each in self._hits if each[0] > now]
        tracking.record_hits([hit for _, hit in due])
        for at, message_id in self._unsubscribes:
            if at <= now:
                delivery.record_unsubscribe(message_id, at)
        self._unsubscribes = [each for each in self._unsubscribes if each[0] > now]


def accept(blasts: Sequence[Blast], hits: Waiting, now: datetime) -> None:
    """Let a server take all that is due, some seconds after each other, and decide what its recipients will do."""
    by_mailing = {mailing_id: blast for blast in blasts for mailing_id in blast.arms}
    while (lease := claims.lease_batch(owner="proof", now=now)) is not None:
        mailing = Mailing.objects.select_related("workspace").get(pk=lease.mailing_id)
        mailbox = Mailbox.objects.select_related("workspace").get(pk=lease.mailbox_id)
        at = {message.id: now - timedelta(seconds=place % 15) for place, message in enumerate(lease.messages)}
        held = Held(
            lease.batch_id, lease.owner, mailing.pk, mailbox.pk, mailing.workspace_id, rules=Rules.of_mailing(mailing)
        )
        found = [
            receipts.accepted(message_id, Reply(250, [b"2.0.0 Ok"]), at=moment) for message_id, moment in at.items()
        ]
        sending._commit(held, mailbox, Trip(found))
        blast = by_mailing[mailing.pk]
        strata = dict(Message.objects.filter(pk__in=at).values_list("pk", "stratum"))
        for message_id, moment in at.items():
            arm = blast.arms[mailing.pk]
            if strata[message_id]:
                blast.people.append(respond(blast, hits, mailing.pk, Recipient(message_id, arm, moment, None, None)))
            else:
                blast.others.append((message_id, arm))
    facts.deliver()


def respond(blast: Blast, hits: Waiting, mailing_id: int, who: Recipient) -> Recipient:
    """Decide what one recipient does, and let it happen when its time has come."""
    offer, other, trap = blast.links[mailing_id]
    draw = blast.random
    clicked_at = None
    if draw.random() < blast.truth.rates[who.arm]:
        clicked_at = who.accepted_at + _delay(draw, SPEEDS[who.arm])
        hits.add(clicked_at, make_hit(who.message_id, clicked_at, link=offer, user_agent=CHROME))
        if draw.random() < 0.2:
            again = clicked_at + timedelta(minutes=draw.randint(1, 600))
            hits.add(again, make_hit(who.message_id, again, link=other, user_agent=CHROME))
    elif draw.random() < LATE:
        clicked_at = who.accepted_at + WINDOW + timedelta(seconds=1 + draw.random() * 6 * 3600)
        hits.add(clicked_at, make_hit(who.message_id, clicked_at, link=offer, user_agent=CHROME))
    elif draw.random() < FOUND_OUT:
        # It looks like a person's click, and counts as one, until the link that nobody sees is followed too.
        at = who.accepted_at + timedelta(minutes=draw.randint(30, 300))
        hits.add(at, make_hit(who.message_id, at, link=other, user_agent=CHROME))
        found_out = at + timedelta(seconds=4)
        hits.add(at + 2 * HOUR, make_hit(who.message_id, found_out, link=trap, user_agent=CHROME))
    if draw.random() < SCANNED:
        for seconds, link in ((2, trap), (2, offer), (3, other)):
            at = who.accepted_at + timedelta(seconds=seconds)
            hits.add(at, make_hit(who.message_id, at, link=link, user_agent=CHROME))
    unsubscribed_at = None
    if draw.random() < UNSUBSCRIBES:
        unsubscribed_at = who.accepted_at + timedelta(hours=draw.random() * 30)
        hits.unsubscribe(unsubscribed_at, who.message_id)
    return who._replace(clicked_at=clicked_at, unsubscribed_at=unsubscribed_at)


def _delay(draw: Random, median: float) -> timedelta:
    """Return hours by a lognormal curve, within the window and after the scanners' seconds."""
    within = NormalDist(math.log(median), 1.2)
    share = draw.random() * within.cdf(math.log(WINDOW / HOUR))
    hours = math.exp(within.inv_cdf(share)) if share > 0 else 0.0
    return min(max(timedelta(hours=hours), timedelta(minutes=1)), WINDOW)


class Counts(NamedTuple):
    """An entry an arm."""

    clicked: list[int]
    sent: list[int]
    unsubscribed: list[int]


def matured(blast: Blast, now: datetime) -> Counts:
    """Count those whose time was over by then, one by one."""
    counts = Counts(*([0] * len(blast.truth.rates) for _ in range(3)))
    for who in blast.people:
        hour_ends = who.accepted_at.replace(minute=0, second=0, microsecond=0) + HOUR
        if hour_ends + WINDOW <= now:
            counts.sent[who.arm] += 1
            counts.clicked[who.arm] += who.clicked_at is not None and who.clicked_at <= who.accepted_at + WINDOW
            counts.unsubscribed[who.arm] += (
                who.unsubscribed_at is not None and who.unsubscribed_at <= who.accepted_at + WINDOW
            )
    return counts


def live(blast: Blast, now: datetime) -> Counts:
    """Count whoever was sent to and has clicked by then, as a dashboard would."""
    counts = Counts(*([0] * len(blast.truth.rates) for _ in range(3)))
    for who in blast.people:
        if who.accepted_at <= now:
            counts.sent[who.arm] += 1
            counts.clicked[who.arm] += who.clicked_at is not None and who.clicked_at <= now
    return counts


def judge(blast: Blast) -> Told:
    """Compare each stored look with what a count one by one says, and the end with what it should be."""
    experiment = Experiment.objects.select_related("winner").get(pk=blast.experiment.pk)
    wrong: list[str] = []
    counted: list[Counts] = []
    before: Spent | None = None
    left = list(range(len(blast.truth.rates)))
    looks = list(Look.objects.filter(experiment=experiment).order_by("number"))
    for look in looks:
        counts = matured(blast, look.looked_at)
        counted.append(counts)
        # An arm that did harm at an earlier look is compared no more.
        clicked, sent, unsubscribed = ([numbers[arm] for arm in left] for numbers in counts)
        before = next_look(
            clicked,
            sent,
            lead=blast.truth.lead,
            earlier=before,
            final=sum(counts.sent) == len(blast.people),
        )
        verdict = decide(
            clicked,
            sent,
            lead=blast.truth.lead,
            information=before.information,
            spent=before.spent,
            final=before.is_last,
            complaints=[0] * len(sent),
            unsubscribes=unsubscribed,
        )
        verdict = replace(
            verdict,
            leader=None if verdict.leader is None else left[verdict.leader],
            blocked=tuple(left[arm] for arm in verdict.blocked),
        )
        left = [arm for arm in left if arm not in verdict.blocked]
        if json.loads(json.dumps(verdict_as_json(verdict))) != look.verdict:
            wrong.append(f"{experiment.name}, look {look.number}: {look.question} gave {look.verdict}, but {counts}")
    winner = experiment.winner.position if experiment.winner else None
    kind = looks[-1].verdict["kind"] if looks else "none"
    wrong += ends_wrongly(blast, experiment, kind, winner)
    hours = [START.replace(minute=0) + hour * HOUR for hour in range(1, PARTS + 25)]
    flowing = [live(blast, hour) for hour in hours]
    return Told(
        blast.truth,
        wrong,
        kind,
        winner if kind == Kind.WINNER else None,
        len(looks),
        len(blast.people),
        peeking=first_of(peek, counted),
        chance=first_of(chance_to_beat, counted),
        peeking_live=first_of(peek, flowing),
        chance_live=first_of(chance_to_beat, flowing),
    )


def ends_wrongly(blast: Blast, experiment: Experiment, kind: str, winner: int | None) -> list[str]:
    """Return what is wrong with how a test ended: it is decided, the rest got the winner, and nobody got two messages."""
    wrong = []
    if experiment.state != Experiment.State.DECIDED or experiment.outcome != kind:
        wrong.append(f"{experiment.name}: {experiment.state}, {experiment.outcome!r} after {kind}")
    if {arm for _, arm in blast.others} - {winner}:
        wrong.append(f"{experiment.name}: the rest did not get arm {winner}")
    messages = Message.objects.filter(mailing__in=blast.arms)
    if messages.count() != messages.values("contact").distinct().count():
        wrong.append(f"{experiment.name}: somebody got two messages")
    return wrong


def first_of(rule: Any, counted: Sequence[Counts]) -> int | None:
    """Return the arm that a rule calls the winner first."""
    return next((arm for counts in counted if (arm := rule(counts)) is not None), None)


def peek(counts: Counts) -> int | None:
    """Return the leader if it beats the runner-up with p < 0.05, as if this were the only look."""
    if min(counts.sent) < FEWEST_FOR_PEEKING:
        return None
    order = sorted(range(len(counts.sent)), key=lambda arm: counts.clicked[arm] / counts.sent[arm], reverse=True)
    one, other = order[:2]
    pooled = (counts.clicked[one] + counts.clicked[other]) / (counts.sent[one] + counts.sent[other])
    error = math.sqrt(pooled * (1 - pooled) * (1 / counts.sent[one] + 1 / counts.sent[other]))
    gap = counts.clicked[one] / counts.sent[one] - counts.clicked[other] / counts.sent[other]
    return one if error and gap / error >= 1.96 else None


def chance_to_beat(counts: Counts) -> int | None:
    """Return the arm whose chance to be the best is 95 % (Beta(1, 1)), as many tools call a winner."""
    if min(counts.sent) < FEWEST_FOR_PEEKING:
        return None
    chances, _ = probability_best(counts.clicked, counts.sent)
    best = max(range(len(chances)), key=chances.__getitem__)
    return best if chances[best] >= 0.95 else None
