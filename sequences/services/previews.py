"""What publishing the draft would do, before it happens: who moves, waits, skips or exits."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from abtests.models import Experiment
from core import clock
from delivery import selectors as delivery
from sequences import engine, selectors, transfer, words
from sequences.differences import FieldChange, VersionDiff
from sequences.document import EMAIL_FIELDS, graph_of
from sequences.exceptions import SequenceError, StepError
from sequences.graph import Graph
from sequences.mailings import step_mailings
from sequences.models import Policy, Sequence, Step, StepKind
from sequences.services import experiments
from sequences.services.publishing import Change, require_change
from sequences.transfer import Fate, Passage

State = Experiment.State
# What an email says, of its settings: a change of it makes another mailing.
CONTENT = {"template", *EMAIL_FIELDS}


@dataclass(frozen=True, slots=True)
class StepForecast:
    """What becomes of those who stand at one step.

    `fate` is stay, wait (another length), look (asked anew), leave (the step is gone: they go on at `to`, "" at the end), end, or
    what the policy says: finish_old, exit.  `overdue` of them fall due at once; all are due between `first_due_at` and `last_due_at`.
    """

    key: str
    title: str
    people: int
    fate: str
    to: str = ""
    to_title: str = ""
    wait: timedelta | None = None
    overdue: int = 0
    ending: int = 0
    first_due_at: datetime | None = None
    last_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TestForecast:
    """What becomes of the A/B test of an email: it begins, or ends without a winner (the control goes on)."""

    __test__ = False  # its name is the domain's, not pytest's

    experiment: int
    name: str
    title: str
    begins: bool


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step that some of those on the way don't take: they are past it (`passed`), or were sent it already (`sent`)."""

    key: str
    title: str
    people: int
    why: str


@dataclass(frozen=True, slots=True)
class PublishPreview:
    """What publishing the draft at its `revision` does by the policy; numbers are people, but for those of messages."""

    policy: str
    revision: int
    number: int
    live_number: int
    diff: VersionDiff
    people: int
    moves: int
    waits: int
    overdue: int
    skips: int
    exits: int
    stays_behind: int
    replaced_messages: int
    cancelled_messages: int
    tests: list[TestForecast]
    steps: list[StepForecast]
    skipped: list[Skipped]


def preview_publish(sequence: Sequence, *, policy: str = Policy.MIGRATE) -> PublishPreview:
    """Return what `publish_changes` would do now.

    Costs one read of who is on the way, whatever their number, and one of the ledger where emails were put in another order.  Raises
    SequenceError without a draft or a live version, StepError when the draft can't be published.
    """
    if policy not in Policy.values:
        raise StepError("There is no such policy.", fields={"policy": [f"Choose one of {', '.join(Policy.values)}."]})
    draft = selectors.draft_version(sequence)
    if draft is None:
        raise SequenceError("There are no changes to publish.")
    change = require_change(sequence, draft)
    forecast = _Forecast(sequence, change, policy, clock.now())
    steps = forecast.steps()
    skipped = forecast.skipped()
    people = sum(step.people for step in steps)
    migrates = policy == Policy.MIGRATE
    ending = sum(step.ending for step in steps)
    return PublishPreview(
        policy=policy,
        revision=draft.revision,
        number=draft.number,
        live_number=change.live.number,
        diff=selectors.diff_versions(change.live, draft),
        people=people,
        moves=people - ending if migrates else 0,
        waits=sum(step.people for step in steps if step.fate in ("wait", "look")),
        overdue=sum(step.overdue for step in steps),
        skips=sum(skip.people for skip in skipped),
        exits=ending if migrates else people if policy == Policy.EXIT else 0,
        stays_behind=people if policy == Policy.FINISH_OLD else 0,
        replaced_messages=0 if policy == Policy.FINISH_OLD else forecast.replaced_messages(),
        cancelled_messages=0 if policy == Policy.FINISH_OLD else forecast.cancelled_messages(),
        tests=forecast.tests(),
        steps=steps,
        skipped=skipped,
    )


class _Forecast:
    """One look at who is on the way, and what becomes of them."""

    def __init__(self, sequence: Sequence, change: Change, policy: str, now: datetime) -> None:
        self._change, self._policy, self._sequence = change, policy, sequence
        self._new = graph_of(change.steps)
        self._ways: dict[int, Graph] = engine.graphs(change.older)
        self._passages: dict[int, dict[str, Passage]] = {
            version_id: transfer.passages(graph, self._new) for version_id, graph in self._ways.items()
        }
        pairs = [(version_id, each) for version_id, by_key in self._passages.items() for each in by_key.values()]
        self._counted = transfer.rows.count(transfer.Plan(change.draft.pk, pairs), sequence.pk, now)
        self._titles = _titles(change)

    def steps(self) -> list[StepForecast]:
        """Return what becomes of the people at each step, in the order of the live version, then of older ones."""
        order = {node.key: node.number for node in self._ways[self._change.live.pk]}
        by_fate: dict[tuple[str, str, str], list[transfer.rows.Counted]] = defaultdict(list)
        for counted in self._counted:
            passage = self._passages[counted.version_id][counted.step_key]
            fate = self._policy if self._policy != Policy.MIGRATE else passage.fate.name.lower()
            to = passage.to if fate == "leave" else ""
            by_fate[counted.step_key, fate, to].append(counted)
        found = [self._forecast(key, fate, to, counts) for (key, fate, to), counts in by_fate.items()]
        return sorted(found, key=lambda step: order.get(step.key, len(order)))

    def _forecast(self, key: str, fate: str, to: str, counts: list[transfer.rows.Counted]) -> StepForecast:
        migrates = self._policy == Policy.MIGRATE
        passage = self._passages[counts[0].version_id][key]
        dues = [at for each in counts for at in (each.first_due_at, each.last_due_at) if at is not None and migrates]
        return StepForecast(
            key=key,
            title=self._titles.get(key, key),
            people=sum(each.people for each in counts),
            fate=fate,
            to=to,
            to_title=self._titles.get(to, ""),
            wait=passage.wait if fate == "wait" else None,
            overdue=sum(each.overdue for each in counts) if migrates else 0,
            ending=sum(each.ending for each in counts) if migrates else 0,
            first_due_at=min(dues, default=None),
            last_due_at=max(dues, default=None),
        )

    def skipped(self) -> list[Skipped]:
        """Return which steps people don't take any more who would have if they began now."""
        if self._policy != Policy.MIGRATE:
            return []
        old = self._ways[self._change.live.pk]
        passed: dict[str, int] = defaultdict(int)
        asked: set[tuple[int, str, str]] = set()
        ahead: dict[str, set[str]] = {}
        for counted in self._counted:
            passage = self._passages[counted.version_id][counted.step_key]
            if passage.to not in ahead:
                ahead[passage.to] = transfer.ahead(self._new, passage.to) if passage.fate is not Fate.END else set()
            for node in self._new:
                if old.get(node.key) is None and node.key not in ahead[passage.to]:
                    passed[node.key] += counted.people
            for email in transfer.sent_again(self._ways[counted.version_id], self._new, passage):
                asked.add((counted.version_id, counted.step_key, email))
        sent = transfer.rows.count_sent(self._sequence.workspace_id, self._sequence.pk, asked)
        found = [Skipped(key, self._titles[key], people, "passed") for key, people in passed.items()]
        return found + [Skipped(key, self._titles[key], people, "sent") for key, people in sent.items()]

    def replaced_messages(self) -> int:
        """Return how many messages in the queue are sent with the new copy."""
        return delivery.waiting_messages(self._mailings(changed=True))

    def cancelled_messages(self) -> int:
        """Return how many messages in the queue are taken back, as their step is gone."""
        return delivery.waiting_messages(self._mailings(changed=False))

    def tests(self) -> list[TestForecast]:
        """Return the tests that begin and those that end, as their email has none any more."""
        begin = [step for step in self._change.steps if step.experiment and step.experiment.state == State.PLANNED]
        found = [
            TestForecast(step.experiment.pk, step.experiment.name, self._titles.get(step.key, ""), begins=True)
            for step in begin
            if step.experiment is not None
        ]
        ending = experiments.left_behind(self._change.live, self._change.steps)
        keys = dict(self._change.live.steps.filter(experiment__in=ending).values_list("experiment_id", "key"))
        return found + [
            TestForecast(test.pk, test.name, self._titles.get(keys[test.pk], ""), begins=False) for test in ending
        ]

    def _mailings(self, *, changed: bool) -> list[int]:
        now = {step.key: step for step in self._change.steps if step.kind == StepKind.EMAIL}
        changed_steps = selectors.diff_versions(self._change.live, self._change.draft).changed
        differing = {step.key for step in changed_steps if any(_is_new_mail(field) for field in step.fields)}
        older = step_mailings(version_ids=self._change.older)
        wanted = (
            each for each in older if (each.key in differing and each.key in now if changed else each.key not in now)
        )
        return list({each.mailing_id for each in wanted})


def _is_new_mail(field: FieldChange) -> bool:
    """Tell whether an email is sent as other mail by a change: it says something else, or its test begins."""
    return field.name in CONTENT or (field.name == "experiment" and field.after is not None)


def _titles(change: Change) -> dict[str, str]:
    earlier = (
        Step.objects.filter(version__in=change.older).select_related("template_version").order_by("version__number")
    )
    return words.labels_of(earlier) | words.labels_of(change.steps)
