"""What the results page needs numpy for: computed by the analysis worker, kept with the test as JSON.

Everything here only explains; the verdict is `abtests.statistics.decide`'s alone and is kept with its look.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from abtests.models import Experiment, Look, Mode, Rule, Variant
from abtests.results import Tally, planned_information

# A test of whoever comes by has no parts; so many looks are drawn for it.
_CONTINUOUS_LOOKS: Final = 10


def summarise(
    experiment: Experiment,
    *,
    variants: Sequence[Variant],
    counted: Sequence[Tally],
    sent: Sequence[int],
    strata: Sequence[Sequence[Tally]],
    looks: Sequence[Look],
) -> dict[str, Any]:
    """Return the summary of a test by its matured recipients, an entry an arm; `strata` are the same by part, day or time zone.

    P(best) and expected loss, the sample ratio, the guardrails, the boundaries of what is planned, effects of several factors, and rates
    standardised over the parts of an optimisation.
    """
    from abtests.statistics import probability_best, sample_ratio
    from abtests.statistics.guardrails import blocked_arms

    successes, trials = [each.responded for each in counted], [each.sent for each in counted]
    blocked = blocked_arms(trials, [each.complained for each in counted], [each.unsubscribed for each in counted])
    able = [at for at, variant in enumerate(variants) if at not in blocked and variant.stopped_at is None]
    chances: list[float | None] = [None] * len(variants)
    losses: list[float | None] = [None] * len(variants)
    if able:
        for at, chance, loss in zip(
            able, *probability_best([successes[at] for at in able], [trials[at] for at in able]), strict=True
        ):
            chances[at], losses[at] = chance, loss
    is_split = experiment.mode != Mode.BANDIT and not any(variant.stopped_at for variant in variants)
    return {
        "successes": successes,
        "trials": trials,
        "probability_best": chances,
        "expected_loss": losses,
        "sample_ratio_p": sample_ratio(sent) if is_split else None,
        "blocked": list(blocked),
        "plan": _plan(experiment, looks, planned_information(len(variants), experiment.lead)),
        "factorial": _factorial(experiment, variants, counted),
        "standardised": _standardised(strata) if experiment.mode == Mode.BANDIT else None,
    }


def _plan(experiment: Experiment, looks: Sequence[Look], planned: float) -> list[tuple[float, float]]:
    """Return the looks that are to come, as (share of what is planned, boundary), those before taken into account."""
    from abtests.statistics.looks import boundaries
    from abtests.statistics.spending import obrien_fleming_spend
    from abtests.statistics.verdicts import SINGLE_LOOK

    if experiment.mode == Mode.BANDIT:
        return []
    count = experiment.batches if experiment.design == "cells" else _CONTINUOUS_LOOKS
    if experiment.design == "send_time" or experiment.rule == Rule.FIXED or not experiment.spacing_minutes:
        return [(1.0, SINGLE_LOOK)]
    asked = looks[-1].question if looks else {}
    information, spent = list(asked.get("information") or []), list(asked.get("spent") or [])
    known = information[-1] / planned if information else 0.0
    steps = [step / count for step in range(1, count + 1) if step / count > known + 1e-9]
    if not steps:
        return []
    spend = [max(float(value), *spent[-1:], 0.0) for value in obrien_fleming_spend(steps)]
    found = boundaries([*information, *(step * planned for step in steps)], [*spent, *spend])
    ahead = [float(value) for value in found[len(information) :]]
    return [(step, value) for step, value in zip(steps, ahead, strict=True) if value != float("inf")]


def _factorial(experiment: Experiment, variants: Sequence[Variant], counted: Sequence[Tally]) -> dict[str, Any] | None:
    """Return what each level contributes; None where the versions aren't combinations, or can't tell yet."""
    from abtests.statistics.factorial import factorial_effects

    names = list(experiment.dimensions)
    if len(names) < 2 or not all(len(variant.levels) == len(names) for variant in variants):
        return None
    cells = [dict(zip(names, variant.levels, strict=True)) for variant in variants]
    try:
        found = factorial_effects([each.responded for each in counted], [each.sent for each in counted], cells)
    except ValueError:
        return None
    effects = [{**asdict(effect), "odds_ratio": effect.odds_ratio} for effect in found.effects]
    return {"effects": effects, "interactions": [asdict(each) for each in found.interactions]} | {
        "interaction_p": found.interaction_p
    }


def _standardised(strata: Sequence[Sequence[Tally]]) -> list[tuple[float, float]] | None:
    """Return each version's rate and error as if all parts had been split alike (Simpson's paradox)."""
    from abtests.statistics.stratified import stratified_rates

    if not strata:
        return None
    found = stratified_rates(
        [[each.responded for each in stratum] for stratum in strata],
        [[each.sent for each in stratum] for stratum in strata],
    )
    return [(each.rate, each.standard_error) for each in found] if found else None
