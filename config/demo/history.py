"""Living through the demo's past: simulated time, real services.

Time jumps from one thing that is due to the next — a launch, an enrolment, a batch, somebody's unsubscription — and at
each stop the same services run that the workers run; opens and clicks become known a few times a day.
"""

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Min

from abtests import services as abtests
from abtests.models import Experiment
from campaigns import services as campaigns
from campaigns.models import Campaign, Launch
from config.demo.behaviour import reactions
from core import clock, facts
from delivery import services as delivery
from delivery.models import Batch, Link, Message, MessageState
from delivery.tokens import ContactClaim
from sequences import selectors as sequence_reads
from sequences import services as sequences
from sequences.models import Enrolment, EnrolmentState
from team.models import Workspace
from tracking import services as tracking
from tracking.hits import Hit, micros, new_id

Happening = Callable[[], None]
# Opens and clicks are known so long after they happened at the latest.
KNOWN_AFTER = timedelta(hours=12)
# What falls due by itself within so long of the last stop waits for the next one: thousands are due each at a moment of their own.
STRIDE = timedelta(minutes=20)


class History:
    """A past between two moments; `pull` says how well a campaign does, by its id."""

    def __init__(self, workspace: Workspace, *, until: datetime, seed: int) -> None:
        self._workspace = workspace
        self._until = until
        self._seed = seed
        self._agenda: list[tuple[datetime, int, Happening]] = []
        self._order = itertools.count()
        self._hits: list[tuple[datetime, int, Hit]] = []
        self.pull: dict[int, float] = {}
        # Of a version of an email under test, by its mailing's id.
        self.version_pull: dict[int, float] = {}

    def plan(self, at: datetime, happening: Happening) -> None:
        """Let `happening` happen at `at`."""
        heapq.heappush(self._agenda, (at, next(self._order), happening))

    def live(self) -> None:
        """Go through time until the end."""
        last: datetime | None = None
        while (moment := self._next_moment(last)) is not None and moment < self._until:
            last = moment
            with clock.simulated(moment):
                while self._agenda and self._agenda[0][0] <= moment:
                    heapq.heappop(self._agenda)[2]()
                self._tell_hits(moment)
                self._work()
                self._react(moment)
        with clock.simulated(self._until):
            self._tell_hits(self._until)
            facts.deliver()

    def _next_moment(self, last: datetime | None) -> datetime | None:
        """Return when the next stop is: when something was planned, else no sooner than `STRIDE` after the last one."""
        planned = [self._agenda[0][0]] if self._agenda else []
        due = [self._hits[0][0] + KNOWN_AFTER] if self._hits else []
        enrolments = Enrolment.objects.filter(
            sequence__workspace=self._workspace, state=EnrolmentState.ACTIVE, due_at__isnull=False
        )
        batches = Batch.objects.filter(mailing__workspace=self._workspace, state=Batch.State.QUEUED)
        due += [found for query in (enrolments, batches) if (found := query.aggregate(at=Min("due_at"))["at"])]
        tests = Experiment.objects.filter(workspace=self._workspace, state=Experiment.State.RUNNING)
        parts = tests.filter(parts__released_at=None)
        times = (tests.aggregate(at=Min("look_at"))["at"], parts.aggregate(at=Min("parts__release_at"))["at"])
        due += [at for at in times if at]
        # A little later than due, as a worker would be; the same instant never comes twice.
        by_itself = [max(min(due), last + STRIDE if last else min(due))] if due else []
        return min(planned + by_itself) + timedelta(milliseconds=400) if planned + by_itself else None

    def _tell_hits(self, moment: datetime) -> None:
        """Let the opens and clicks until `moment` be known."""
        known = []
        while self._hits and self._hits[0][0] <= moment:
            known.append(heapq.heappop(self._hits)[2])
        tracking.record_hits(known)

    def _work(self) -> None:
        """Do what the workers would do at this moment, until nothing is left to do."""
        campaigns.launch_due_campaigns()
        for launch in Launch.objects.filter(campaign__workspace=self._workspace, finished_at=None):
            campaigns.run_launch(launch.campaign_id)
        while campaigns.admit_due() + sequences.advance_due() + delivery.dispatch_due() + facts.deliver():
            pass
        if abtests.release_due_batches() + abtests.take_due_looks():
            # A part that goes out, or the outcome, lets people in.
            self._work()
        campaigns.complete_finished_campaigns()
        sequences.sweep_closed()

    def _react(self, moment: datetime) -> None:
        """Decide what the messages that were just accepted lead to: hits are kept for the end, unsubscriptions planned."""
        fresh = (
            Message.objects.filter(workspace=self._workspace, state=MessageState.ACCEPTED, accepted_at=moment)
            .order_by("pk")
            .values_list("pk", "mailing_id", "contact_id")
        )
        by_mailing: dict[int, list[tuple[int, datetime, int]]] = {}
        for message_id, mailing_id, contact_id in fresh:
            by_mailing.setdefault(mailing_id, []).append((message_id, moment, contact_id or 0))
        for mailing_id, rows in by_mailing.items():
            self._react_to(mailing_id, rows)

    def _react_to(self, mailing_id: int, rows: list[tuple[int, datetime, int]]) -> None:
        links = list(Link.objects.filter(mailing_id=mailing_id).order_by("pk").values_list("pk", "label"))
        places = {label: place for place, label in enumerate(dict.fromkeys(label for _, label in links))}
        by_place: dict[int, list[int]] = {}
        for link_id, label in links:
            by_place.setdefault(places[label], []).append(link_id)
        told = reactions(
            [message_id for message_id, _, _ in rows],
            accepted_at=[accepted_at for _, accepted_at, _ in rows],
            links=len(places),
            seed=self._seed,
            until=self._until,
            pull=self._pull_of(mailing_id),
        )
        for (message_id, _, contact_id), reaction in zip(rows, told, strict=True):
            for hit in reaction.hits:
                choice = by_place[hit.link] if hit.link is not None else [0]
                at = micros(hit.at)
                link_id = choice[message_id % len(choice)]
                found = Hit(new_id(at), at, message_id, link_id, 0, hit.ip, hit.user_agent)
                heapq.heappush(self._hits, (hit.at, next(self._order), found))
            if reaction.unsubscribed_at is not None:
                self.plan(reaction.unsubscribed_at, self._unsubscription(contact_id, message_id))

    def _pull_of(self, mailing_id: int) -> float:
        if mailing_id in self.version_pull:
            return self.version_pull[mailing_id]
        campaign = Campaign.objects.get(sequence=sequence_reads.sequences_by_mailing([mailing_id])[mailing_id])
        return self.pull.get(campaign.pk, 1.0)

    def _unsubscription(self, contact_id: int, message_id: int) -> Happening:
        def happen() -> None:
            tracking.unsubscribe(ContactClaim(self._workspace.pk, contact_id, message_id), one_click=True)

        return happen
