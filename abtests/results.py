"""What a test has found, for people to look at: numbers from the response counters, the looks and the last summary.

Pure, and light enough for the web: what needs numpy was computed by the analysis worker (`abtests.summaries`) and is kept with the test.
Only recipients count whose time is over, so that the page shows what the verdict is made of, to the last digit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from abtests.intervals import Z95, Interval, newcombe, watched_z, wilson
from abtests.limits import FEWEST_ARMS, SEQUENTIAL_INFLATION
from abtests.models import Experiment, ExperimentBatch, Look, Metric, Mode, Variant
from abtests.plans import CRITICAL_POINTS, TWO_SIDED, size_to_prove
from abtests.strata import NOT_COUNTED
from delivery.selectors import ResponseSums

LETTERS: Final = "ABCDEFGH"
# What counts as a response: the people's column, and the one that machines are in, where there is one.
RESPONSES: Final[dict[str, tuple[str, str | None]]] = {
    Metric.CLICK: ("clicked", "clicked_any"),
    Metric.OPEN: ("opened", "opened_any"),
    Metric.REPLY: ("replied", None),
    Metric.LINK: ("linked", None),
    Metric.CONVERSION: ("converted", None),
}
HOUR: Final = timedelta(hours=1)
OPEN_STATES: Final = frozenset({Experiment.State.RUNNING, Experiment.State.PAUSED})


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over some rows; responses are those of the metric, by people and with machines."""

    sent: int = 0
    responded: int = 0
    responded_any: int | None = None
    opened: int = 0
    opened_any: int = 0
    clicked: int = 0
    clicked_any: int = 0
    replied: int = 0
    unsubscribed: int = 0
    complained: int = 0
    bounced: int = 0

    @property
    def rate(self) -> float | None:
        """Responses of those it was sent to; None where there is nobody."""
        return self.responded / self.sent if self.sent else None


_SUMMED: Final = (
    "sent",
    "opened",
    "opened_any",
    "clicked",
    "clicked_any",
    "replied",
    "unsubscribed",
    "complained",
    "bounced",
)


def tally(rows: Iterable[ResponseSums], metric: str) -> Tally:
    """Add rows up; `metric` says what a response is."""
    human, every = RESPONSES[metric]
    sums, responded, responded_any = dict.fromkeys(_SUMMED, 0), 0, 0
    for row in rows:
        for name in _SUMMED:
            sums[name] += getattr(row, name)
        responded += getattr(row, human)
        responded_any += getattr(row, every) if every else 0
    return Tally(responded=responded, responded_any=responded_any if every else None, **sums)


class Evidence(NamedTuple):
    """All that is read of a test to show it: sums of responses by version and stratum, all (`live`) and those that count."""

    variants: Sequence[Variant]
    live: Sequence[ResponseSums]
    counted: Sequence[ResponseSums]
    looks: Sequence[Look]
    parts: Sequence[ExperimentBatch]

    def of(self, rows: Iterable[ResponseSums], metric: str) -> list[Tally]:
        """Return the sums of each version; the rest, who got the winner and not their version by lot, say nothing."""
        by_mailing: dict[int, list[ResponseSums]] = {}
        for row in rows:
            if row.stratum != NOT_COUNTED:
                by_mailing.setdefault(row.mailing_id, []).append(row)
        return [tally(by_mailing.get(variant.mailing_id or 0, []), metric) for variant in self.variants]

    def by_stratum(self, metric: str) -> list[list[Tally]]:
        """Return what counts by stratum (part, or day and time zone), an entry a version in each."""
        strata = sorted({row.stratum for row in self.counted} - {NOT_COUNTED})
        return [self.of((row for row in self.counted if row.stratum == stratum), metric) for stratum in strata]


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One version: what counts (`counted`), what has come in so far of all it was sent to (`live`), and what follows."""

    variant: Variant
    letter: str
    counted: Tally
    live: Tally
    interval: Interval
    # How far it is ahead of the other versions' best (the leader: of the next one); None where nobody counts yet.
    gap: Interval | None
    lead: float | None
    chance: float | None
    loss: float | None
    is_leader: bool = False
    is_winner: bool = False
    is_blocked: bool = False

    @property
    def rate(self) -> float | None:
        """Responses of those that count; None where nobody does."""
        return self.counted.rate

    @property
    def is_out(self) -> bool:
        """Whether it can't win any more: it did harm, or somebody stopped it."""
        return self.is_blocked or self.variant.stopped_at is not None

    @property
    def waiting(self) -> int:
        """Recipients whose time isn't over."""
        return self.live.sent - self.counted.sent

    @property
    def title(self) -> str:
        """Its letter and, where it has one of its own, its name."""
        return self.letter if self.variant.name in (self.letter, "") else f"{self.letter}: {self.variant.name}"


@dataclass(frozen=True, slots=True)
class LookResult:
    """One look as it was kept.  `fraction` is how much of what was planned was known then."""

    look: Look
    counted: int
    responded: int
    leader: str
    leader_rate: float | None
    z: float | None
    boundary: float | None
    fraction: float | None
    kind: str
    arms: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class PlannedLook:
    """A look that is still to come: how much will be known then, and how far ahead the leader must be."""

    number: int
    fraction: float
    boundary: float


@dataclass(frozen=True, slots=True)
class Level:
    """One level of one thing that is tested among others: everybody who got it, whatever else they got."""

    dimension: str
    number: int
    letters: str
    sent: int
    responded: int
    interval: Interval
    # Odds to respond relative to the mean of the levels, and its p; None until the analysis has run.
    odds: float | None
    p: float | None

    @property
    def rate(self) -> float | None:
        """Responses of those it was sent to."""
        return self.responded / self.sent if self.sent else None


@dataclass(frozen=True, slots=True)
class Results:
    """All that the page, the exports and the API show of a test."""

    experiment: Experiment
    at: datetime
    arms: list[ArmResult]
    looks: list[LookResult]
    parts: list[ExperimentBatch]
    coming: list[PlannedLook]
    levels: list[Level]
    # Rates as they would be had every batch been split equally, with their errors; empty for an ordinary test.
    standardised: list[tuple[float, float]]
    summary: dict[str, Any]

    @property
    def is_open(self) -> bool:
        """Whether it still runs or pauses."""
        return self.experiment.state in OPEN_STATES

    @property
    def is_bandit(self) -> bool:
        """Whether it sends more of what works rather than to prove."""
        return self.experiment.mode == Mode.BANDIT

    @property
    def leader(self) -> ArmResult | None:
        """The version in front; None as long as there is none."""
        return next((arm for arm in self.arms if arm.is_leader), None)

    @property
    def winner(self) -> ArmResult | None:
        """The version that goes to the rest."""
        return next((arm for arm in self.arms if arm.is_winner), None)

    @property
    def runner_up(self) -> ArmResult | None:
        """The best of the others."""
        others = [arm for arm in self.arms if not arm.is_leader and not arm.is_out and arm.rate is not None]
        return max(others, key=lambda arm: arm.rate or 0.0, default=None)

    @property
    def counted(self) -> int:
        """Recipients of all versions who count."""
        return sum(arm.counted.sent for arm in self.arms)

    @property
    def sent(self) -> int:
        """Recipients of all versions."""
        return sum(arm.live.sent for arm in self.arms)

    @property
    def responded(self) -> int:
        """Responses that count."""
        return sum(arm.counted.responded for arm in self.arms)

    @property
    def planned(self) -> int | None:
        """Recipients of all versions that the test was planned for; None where it isn't known."""
        sizes = sum(part.size for part in self.parts)
        if sizes and not self.is_bandit:
            return sizes
        return None if self.is_bandit else self.per_arm * len(self.arms)

    @property
    def per_arm(self) -> int:
        """Recipients a version that the planned lead asks for, or that were chosen."""
        experiment = self.experiment
        return experiment.per_arm or size_to_prove(max(len(self.arms), FEWEST_ARMS), experiment.base, experiment.lead)

    @property
    def sample_ratio_p(self) -> float | None:
        """P of the split: that the versions got the numbers they should have got."""
        found: float | None = self.summary.get("sample_ratio_p")
        if found is None and self.looks:
            found = self.looks[-1].look.verdict.get("sample_ratio_p")
        return found

    @property
    def interaction_p(self) -> float | None:
        """P of "what is tested at once doesn't depend on each other"; None where it can't be told."""
        found: float | None = (self.summary.get("factorial") or {}).get("interaction_p")
        return found

    @property
    def last_look(self) -> LookResult | None:
        """The newest look."""
        return self.looks[-1] if self.looks else None

    @property
    def likely_look(self) -> PlannedLook | None:
        """The look at which the test would be proven if the lead stays as it is: z grows with the root of what is known."""
        last = self.last_look
        if last is None or not last.z or last.z <= 0 or not last.fraction:
            return None
        return next(
            (look for look in self.coming if last.z * (look.fraction / last.fraction) ** 0.5 >= look.boundary), None
        )


def results_of(experiment: Experiment, evidence: Evidence, *, now: datetime) -> Results:
    """Put a test's numbers together."""
    summary: dict[str, Any] = experiment.summary or {}
    counted = evidence.of(evidence.counted, experiment.metric)
    live = evidence.of(evidence.live, experiment.metric)
    planned = planned_information(len(evidence.variants), experiment.lead)
    shown = [look_result(look, planned) for look in evidence.looks]
    return Results(
        experiment=experiment,
        at=now,
        arms=_arms(experiment, evidence, counted, live, shown, summary),
        looks=shown,
        parts=list(evidence.parts),
        coming=_coming(experiment, shown, summary),
        levels=_levels(experiment, evidence.variants, counted, summary),
        standardised=[(float(rate), float(error)) for rate, error in summary.get("standardised") or []],
        summary=summary,
    )


def planned_information(arms: int, lead: float) -> float:
    """Return the information at which a test has all that it was planned for, as `abtests.statistics.planning` does."""
    z = TWO_SIDED + CRITICAL_POINTS[max(arms, FEWEST_ARMS)]
    return SEQUENTIAL_INFLATION * z * z / (lead * lead)


def look_result(look: Look, planned: float) -> LookResult:
    """Return a look as it is shown; `planned` is the information of the whole test."""
    asked, said = look.question, look.verdict
    successes, trials = asked["successes"], asked["trials"]
    leader = said.get("leader")
    information = asked.get("information")
    fraction = min(information[-1] / planned, 1.0) if information else None
    if not information and asked.get("final", True):
        fraction = 1.0
    return LookResult(
        look=look,
        counted=sum(trials),
        responded=sum(successes),
        leader=LETTERS[leader] if leader is not None else "",
        leader_rate=successes[leader] / trials[leader] if leader is not None and trials[leader] else None,
        z=said.get("smallest_z"),
        boundary=said.get("boundary"),
        fraction=fraction,
        kind=said["kind"],
        arms=tuple((LETTERS[i], s, n) for i, (s, n) in enumerate(zip(successes, trials, strict=True))),
    )


def _arms(
    experiment: Experiment,
    evidence: Evidence,
    counted: list[Tally],
    live: list[Tally],
    looks: list[LookResult],
    summary: dict[str, Any],
) -> list[ArmResult]:
    is_open = experiment.state in OPEN_STATES
    blocked = set(_blocked(looks, summary))
    out = blocked | {at for at, variant in enumerate(evidence.variants) if variant.stopped_at is not None}
    leader = _leader(counted, out)
    planned = _planned_per_arm(experiment, len(counted), evidence.parts)
    chances, losses = summary.get("probability_best") or [], summary.get("expected_loss") or []
    found = []
    for at, (variant, tallied) in enumerate(zip(evidence.variants, counted, strict=True)):
        rival = _best_other(counted, at, out)
        other = counted[rival] if rival is not None else None
        z = watched_z(tallied.sent, planned) if is_open else Z95
        gap = lead = None
        if other is not None and tallied.rate is not None and other.rate is not None:
            both = watched_z(tallied.sent + other.sent, 2 * planned) if is_open else Z95
            gap = newcombe((tallied.responded, tallied.sent), (other.responded, other.sent), both)
            lead = tallied.rate - other.rate
        found.append(
            ArmResult(
                variant=variant,
                letter=LETTERS[at],
                counted=tallied,
                live=live[at],
                interval=wilson(tallied.responded, tallied.sent, z),
                gap=gap,
                lead=lead,
                chance=chances[at] if at < len(chances) else None,
                loss=losses[at] if at < len(losses) else None,
                is_leader=at == leader,
                is_winner=variant.pk == experiment.winner_id,
                is_blocked=at in blocked,
            )
        )
    return found


def _blocked(looks: list[LookResult], summary: dict[str, Any]) -> Sequence[int]:
    if "blocked" in summary:
        blocked: Sequence[int] = summary["blocked"]
        return blocked
    return looks[-1].look.verdict.get("blocked", []) if looks else []


def _leader(counted: list[Tally], out: set[int]) -> int | None:
    """Return the version with the highest rate; of two with the same the one with more recipients, as the verdict does."""
    able = [at for at, each in enumerate(counted) if each.sent and at not in out]
    if not able or not any(counted[at].responded for at in able):
        return None
    return min(able, key=lambda at: (-(counted[at].rate or 0.0), -counted[at].sent))


def _best_other(counted: list[Tally], arm: int, out: set[int]) -> int | None:
    others = [at for at, each in enumerate(counted) if at != arm and each.sent and at not in out]
    return max(others, key=lambda at: counted[at].rate or 0.0, default=None)


def _planned_per_arm(experiment: Experiment, arms: int, parts: Sequence[ExperimentBatch]) -> int:
    sizes = sum(part.size for part in parts) // max(arms, 1)
    return sizes or experiment.per_arm or size_to_prove(max(arms, FEWEST_ARMS), experiment.base, experiment.lead)


def _coming(experiment: Experiment, looks: list[LookResult], summary: dict[str, Any]) -> list[PlannedLook]:
    """Return the looks of the plan that are still to come, if the test runs on."""
    if experiment.state not in OPEN_STATES or experiment.mode == Mode.BANDIT:
        return []
    known = max((look.fraction or 0.0 for look in looks), default=0.0)
    ahead = [(fraction, needed) for fraction, needed in summary.get("plan") or [] if fraction > known + 0.005]
    return [PlannedLook(len(looks) + at, *look) for at, look in enumerate(ahead, start=1)]


def _levels(
    experiment: Experiment, variants: Sequence[Variant], counted: list[Tally], summary: dict[str, Any]
) -> list[Level]:
    """Return what each level of each thing got, where several things are tested at once."""
    if len(experiment.dimensions) < 2 or not all(len(v.levels) == len(experiment.dimensions) for v in variants):
        return []
    effects = {(each["factor"], each["level"]): each for each in (summary.get("factorial") or {}).get("effects") or []}
    found = []
    for place, dimension in enumerate(experiment.dimensions):
        for number in sorted({variant.levels[place] for variant in variants}):
            have = [at for at, variant in enumerate(variants) if variant.levels[place] == number]
            sent, responded = sum(counted[at].sent for at in have), sum(counted[at].responded for at in have)
            effect = effects.get((dimension, number), {})
            found.append(
                Level(
                    dimension=dimension,
                    number=number,
                    letters=", ".join(LETTERS[at] for at in have),
                    sent=sent,
                    responded=responded,
                    interval=wilson(responded, sent),
                    odds=effect.get("odds_ratio"),
                    p=effect.get("p"),
                )
            )
    return found
