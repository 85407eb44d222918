"""What a test has found, for people to look at: numbers from the response counters, the looks and the last summary.

Pure, and light enough for the web: what needs numpy was computed by the analysis worker (`abtests.summaries`) and is kept with the test.
Only recipients count whose time is over, so that the page shows what the verdict is made of, to the last digit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from abtests.intervals import Z95, Interval, newcombe, watched_z, wilson
from abtests.models import Experiment, ExperimentBatch, Look, Metric, Mode, Variant

LETTERS: Final = "ABCDEFGH"
# What counts as a response: the people's column, and the one that machines are in, where there is one.
RESPONSES: Final[dict[str, tuple[str, str | None]]] = {
    Metric.CLICK: ("clicked", "clicked_any"),
    Metric.OPEN: ("opened", "opened_any"),
    Metric.REPLY: ("replied", None),
    Metric.LINK: ("linked", None),
    Metric.CONVERSION: ("converted", None),
}
# A winner needs this many responses of the two best versions (`abtests.statistics.spending`).
FEWEST_EVENTS: Final = 20
HOUR: Final = timedelta(hours=1)
OPEN_STATES: Final = frozenset({Experiment.State.RUNNING, Experiment.State.PAUSED})


class Row(Protocol):
    """A row of `delivery.selectors.response_counts`."""

    @property
    def mailing_id(self) -> int: ...
    @property
    def stratum(self) -> int: ...
    @property
    def sent_hour(self) -> datetime: ...
    @property
    def lag(self) -> int: ...


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


def tally(rows: Iterable[Row], metric: str) -> Tally:
    """Add rows up; `metric` says what a response is."""
    human, every = RESPONSES[metric]
    sums, responded, responded_any = dict.fromkeys(_SUMMED, 0), 0, 0
    for row in rows:
        for name in _SUMMED:
            sums[name] += getattr(row, name)
        responded += getattr(row, human)
        responded_any += getattr(row, every) if every else 0
    return Tally(responded=responded, responded_any=responded_any if every else None, **sums)


def is_matured(sent_hour: datetime, *, window_hours: int, now: datetime) -> bool:
    """Tell whether everybody sent to in this hour has had their time."""
    return sent_hour + HOUR + timedelta(hours=window_hours) <= now


def matured_rows[R: Row](rows: Iterable[R], *, window_hours: int, last_lag: int, now: datetime) -> list[R]:
    """Return the rows that count: of hours that are over for good, responses within the window."""
    return [
        row for row in rows if row.lag <= last_lag and is_matured(row.sent_hour, window_hours=window_hours, now=now)
    ]


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
        others = [arm for arm in self.arms if not arm.is_leader and not arm.is_blocked and arm.rate is not None]
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
        per_arm = self.experiment.per_arm or self.summary.get("per_arm")
        return int(per_arm) * len(self.arms) if per_arm else None

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


def results_of(
    experiment: Experiment,
    *,
    variants: Sequence[Variant],
    rows: Sequence[Row],
    looks: Sequence[Look],
    parts: Sequence[ExperimentBatch],
    last_lag: int,
    now: datetime,
) -> Results:
    """Put a test's numbers together.

    `rows` are the response counts of all versions, `last_lag` the last bucket of delay that is within the window.
    """
    summary: dict[str, Any] = experiment.summary or {}
    by_mailing: dict[int, list[Row]] = {}
    for row in rows:
        by_mailing.setdefault(row.mailing_id, []).append(row)
    counted, live = [], []
    for variant in variants:
        own = by_mailing.get(variant.mailing_id or 0, [])
        matured = matured_rows(own, window_hours=experiment.window_hours, last_lag=last_lag, now=now)
        counted.append(tally(matured, experiment.metric))
        live.append(tally(own, experiment.metric))
    shown = [look_result(look, summary) for look in looks]
    arms = _arms(experiment, variants, counted, live, shown, summary, parts)
    return Results(
        experiment=experiment,
        at=now,
        arms=arms,
        looks=shown,
        parts=list(parts),
        coming=_coming(experiment, shown, summary),
        levels=_levels(experiment, variants, counted, summary),
        standardised=[(float(rate), float(error)) for rate, error in summary.get("standardised") or []],
        summary=summary,
    )


def look_result(look: Look, summary: dict[str, Any]) -> LookResult:
    """Return a look as it is shown."""
    asked, said = look.question, look.verdict
    successes, trials = asked["successes"], asked["trials"]
    leader = said.get("leader")
    planned = summary.get("planned_information")
    information = asked.get("information")
    fraction = min(information[-1] / planned, 1.0) if information and planned else None
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
    variants: Sequence[Variant],
    counted: list[Tally],
    live: list[Tally],
    looks: list[LookResult],
    summary: dict[str, Any],
    parts: Sequence[ExperimentBatch],
) -> list[ArmResult]:
    is_open = experiment.state in OPEN_STATES
    blocked = set(_blocked(looks, summary))
    leader = _leader(counted, blocked)
    planned = _planned_per_arm(experiment, counted, summary, parts)
    chances, losses = summary.get("probability_best") or [], summary.get("expected_loss") or []
    found = []
    for at, (variant, tallied) in enumerate(zip(variants, counted, strict=True)):
        rival = _best_other(counted, at, blocked)
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


def _leader(counted: list[Tally], blocked: set[int]) -> int | None:
    """Return the version with the highest rate; of two with the same the one with more recipients, as the verdict does."""
    able = [at for at, each in enumerate(counted) if each.sent and at not in blocked]
    if not able or not any(counted[at].responded for at in able):
        return None
    return min(able, key=lambda at: (-(counted[at].rate or 0.0), -counted[at].sent))


def _best_other(counted: list[Tally], arm: int, blocked: set[int]) -> int | None:
    others = [at for at, each in enumerate(counted) if at != arm and each.sent and at not in blocked]
    return max(others, key=lambda at: counted[at].rate or 0.0, default=None)


def _planned_per_arm(
    experiment: Experiment, counted: list[Tally], summary: dict[str, Any], parts: Sequence[ExperimentBatch]
) -> int:
    sizes = sum(part.size for part in parts) // max(len(counted), 1)
    return sizes or experiment.per_arm or summary.get("per_arm") or max((each.sent for each in counted), default=1) or 1


def _coming(experiment: Experiment, looks: list[LookResult], summary: dict[str, Any]) -> list[PlannedLook]:
    """Return the looks of the plan that are still to come, if the test runs on."""
    if experiment.state not in OPEN_STATES or experiment.mode == Mode.BANDIT:
        return []
    known = max((look.fraction or 0.0 for look in looks), default=0.0)
    return [
        PlannedLook(float(fraction), float(boundary))
        for fraction, boundary in summary.get("plan") or []
        if fraction > known + 0.005
    ]


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
