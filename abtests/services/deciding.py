"""Looks at a test, and its end.

The statistics are imported where a look is taken: every process has these services, few take looks, and numpy costs each 70 MB.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction

from abtests import plans, selectors
from abtests.exceptions import ExperimentError
from abtests.limits import FEWEST_ARMS
from abtests.models import Design, Experiment, Look, Mode, Rule, Variant, WithoutProof
from abtests.services import batches
from abtests.services.lifecycle import UNDECIDED, close_arms, finish, lock
from core import clock
from team.models import User

if TYPE_CHECKING:
    from abtests.maturing import Part
    from abtests.statistics import Verdict
    from abtests.statistics.records import Question

BY_HAND = "by_hand"
# What may be followed by what was chosen beforehand; the others say themselves what is sent.
UNPROVEN = frozenset({"LEADER_NOT_PROVEN", "NO_MEANINGFUL_DIFFERENCE", "INSUFFICIENT_DATA"})


@transaction.atomic
def record_look(
    experiment: Experiment,
    *,
    responses: Sequence[int],
    sent: Sequence[int],
    complaints: Sequence[int],
    unsubscribes: Sequence[int],
    deadline: bool = False,
    strata: "Mapping[int, Part] | None" = None,
) -> Look:
    """Judge a running test by its matured recipients, an entry an arm, and keep the look with all its inputs.

    Arms that were stopped are counted, but not compared.  An arm that does harm is stopped.  A verdict that ends the test decides it and
    announces ExperimentDecided; so does the last look: at the `deadline`, or when all that was planned for is known.  Unproven it ends as
    was chosen beforehand: with `ask` without a winner, for somebody to choose; with `bandit` the test goes on to optimise.  `strata` are
    days and time zones, for a send-time test.  Raises ExperimentError unless the test runs, ValueError for counts that don't fit its arms
    or each other.
    """
    from abtests.statistics import Kind
    from abtests.statistics.records import verdict_as_json

    locked = lock(experiment)
    if locked.state != Experiment.State.RUNNING or locked.mode != Mode.TEST:
        raise ExperimentError("Only a running test is looked at.")
    variants = selectors.variants_of(locked)
    if not len(responses) == len(sent) == len(variants):
        raise ValueError(f"{len(sent)} counts don't fit the arms of test {locked.pk}.")
    earlier = selectors.looks_at(locked)
    question = _question(
        locked, variants, earlier,
        counts=(tuple(responses), tuple(sent), tuple(complaints), tuple(unsubscribes)), deadline=deadline, strata=strata,
    )  # fmt: skip
    verdict = question.answer()
    kept = Look.objects.create(
        experiment=locked,
        number=len(earlier) + 1,
        looked_at=clock.now(),
        question=question.as_json(),
        verdict=verdict_as_json(verdict),
    )
    if verdict.blocked:
        close_arms(locked, [variants[arm].pk for arm in verdict.blocked])
    if verdict.kind is not Kind.CONTINUE:
        _conclude(locked, variants, verdict)
    experiment.refresh_from_db()
    return kept


@transaction.atomic
def choose_winner(experiment: Experiment, *, variant: Variant, by: User) -> None:
    """End a test by hand, which is recorded as such.  Raises ExperimentError if it never ran, or has an end already."""
    locked = lock(experiment)
    is_asked = locked.state == Experiment.State.DECIDED and not selectors.goes_to_the_rest(locked)
    if variant.experiment_id != locked.pk:
        raise ExperimentError("This version belongs to another test.")
    if locked.state not in UNDECIDED and not is_asked:
        raise ExperimentError("This test has not begun, or has its winner.")
    finish(locked, Experiment.State.DECIDED, BY_HAND, variant, by=by)
    experiment.refresh_from_db()


def is_judged_once(experiment: Experiment) -> bool:
    """Tell whether there is one look, at the end (a fixed horizon)."""
    match experiment.design:
        case Design.CELLS:
            return experiment.spacing_minutes == 0
        case Design.SEND_TIME:
            return True
        case _:
            return experiment.rule == Rule.FIXED


def is_always_valid(experiment: Experiment) -> bool:
    """Tell whether it may be looked at as often as one likes."""
    return experiment.design == Design.CONTINUOUS and experiment.rule == Rule.ALWAYS_VALID


def planned_per_arm(experiment: Experiment, arms: int) -> int:
    """Return the recipients an arm that a test of whoever comes by is planned for."""
    return experiment.per_arm or plans.size_to_prove(max(arms, FEWEST_ARMS), experiment.base, experiment.lead)


def _question(
    experiment: Experiment,
    variants: Sequence[Variant],
    earlier: Sequence[Look],
    *,
    counts: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]],
    deadline: bool,
    strata: "Mapping[int, Part] | None",
) -> "Question":
    """Return what is asked at this look: by which rule, with what was spent before."""
    from abtests.statistics.records import Question
    from abtests.statistics.spending import next_look

    successes, trials, complaints, unsubscribes = counts
    arms = selectors.active_arms(variants)
    asked = Question(
        successes, trials, experiment.lead, complaints=complaints, unsubscribes=unsubscribes, arms=arms, final=True
    )
    if is_always_valid(experiment):
        planned = 2 * planned_per_arm(experiment, len(asked.compared(trials)))
        return replace(asked, planned=planned, final=deadline)
    if is_judged_once(experiment):
        parts = [part for _, part in sorted(strata.items()) if sum(part.trials)] if strata else []
        return replace(
            asked,
            strata_successes=tuple(part.successes for part in parts) or None,
            strata_trials=tuple(part.trials for part in parts) or None,
        )
    before = None
    for look in earlier:
        # What was spent follows from the counts that were kept.
        past = Question.from_json(look.question)
        before = next_look(past.compared(past.successes), past.compared(past.trials), lead=past.lead, earlier=before)
    looks = next_look(
        asked.compared(successes), asked.compared(trials), lead=experiment.lead, earlier=before, final=deadline
    )
    return replace(asked, information=looks.information, spent=looks.spent, final=looks.is_last)


def _conclude(locked: Experiment, variants: Sequence[Variant], verdict: "Verdict") -> None:
    """End the test as the verdict says, or as was chosen for want of one."""
    kind = verdict.kind.value
    safe = [each for each in variants if each.stopped_at is None and each.position not in verdict.blocked]
    if kind in UNPROVEN and locked.without_proof == WithoutProof.BANDIT and len(safe) >= FEWEST_ARMS:
        batches.turn_to_bandit(locked, outcome=kind)
        return
    finish(locked, Experiment.State.DECIDED, kind, _winner(locked, variants, safe, verdict))


def _winner(
    experiment: Experiment, variants: Sequence[Variant], safe: Sequence[Variant], verdict: "Verdict"
) -> Variant | None:
    """Return the arm that the verdict, or else what was chosen beforehand, sends on; None if several or none are, or somebody is asked."""
    if verdict.leader is None or verdict.kind == "INVALID_SRM":
        return None
    leader = variants[verdict.leader]
    if verdict.kind in {"WINNER", "ONLY_SAFE_ARM"}:
        return leader
    match experiment.without_proof:
        # With one safe arm nothing is left to optimise.
        case WithoutProof.LEADER | WithoutProof.BANDIT:
            return leader
        case WithoutProof.CONTROL:
            return variants[0] if variants[0] in safe else leader
        case _:
            return None
