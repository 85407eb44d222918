"""The rows of the list of tests: from what was kept at the last look, so that a page of them costs no more than one."""

from collections.abc import Sequence
from dataclasses import dataclass

from abtests.models import Experiment, Mode
from abtests.places import Place, places_of
from abtests.results import LETTERS
from abtests.words import RATES, SUBJECTS, VERDICTS


@dataclass(frozen=True, slots=True)
class Row:
    """A test in the list; the leader's numbers are those of its last summary."""

    experiment: Experiment
    place: Place | None
    tests: str
    metric: str
    leader: str
    leader_rate: float | None
    other_rate: float | None
    counted: int
    verdict: str


def rows_of(experiments: Sequence[Experiment]) -> list[Row]:
    """Return the rows of these tests, whose versions were fetched with them."""
    places = places_of([experiment.pk for experiment in experiments])
    return [_row(experiment, places.get(experiment.pk)) for experiment in experiments]


def _row(experiment: Experiment, place: Place | None) -> Row:
    variants = list(experiment.variants.all())
    successes, trials = experiment.summary.get("successes") or [], experiment.summary.get("trials") or []
    rates = [s / n if n else None for s, n in zip(successes, trials, strict=True)]
    order = sorted((at for at, rate in enumerate(rates) if rate is not None), key=lambda at: (-(rates[at] or 0), at))
    won = next((at for at, variant in enumerate(variants) if variant.pk == experiment.winner_id), None)
    leads = won if won is not None else order[0] if order and rates[order[0]] else None
    other = next((at for at in order if at != leads), None)
    names = [SUBJECTS.get(dimension, dimension) for dimension in experiment.dimensions]
    verdict = VERDICTS.get(experiment.outcome, "") if experiment.state == Experiment.State.DECIDED else ""
    if experiment.mode == Mode.BANDIT and experiment.state == Experiment.State.RUNNING:
        verdict = "More of what works"
    return Row(
        experiment=experiment,
        place=place,
        tests=f"{len(variants)} versions of the {' and '.join(names)}",
        metric=RATES[experiment.metric],
        leader=LETTERS[leads] if leads is not None else "",
        leader_rate=rates[leads] if leads is not None and leads < len(rates) else None,
        other_rate=rates[other] if other is not None else None,
        counted=sum(trials),
        verdict=verdict,
    )
