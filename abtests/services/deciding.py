"""Looks at a test, and its end.

The statistics are imported where a look is taken: every process has these services, few take looks, and numpy costs each 70 MB.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction

from abtests import selectors
from abtests.events import ExperimentDecided
from abtests.exceptions import ExperimentError
from abtests.models import Experiment, Look, Variant, WithoutProof
from abtests.services.lifecycle import lock
from core import bus, clock
from team.models import User

if TYPE_CHECKING:
    from abtests.statistics import Verdict

BY_HAND = "by_hand"


@transaction.atomic
def record_look(
    experiment: Experiment,
    *,
    responses: Sequence[int],
    sent: Sequence[int],
    complaints: Sequence[int],
    unsubscribes: Sequence[int],
    deadline: bool = False,
) -> Look:
    """Judge a running test by its matured recipients, an entry an arm, and keep the look with all its inputs.

    A verdict that ends the test decides it and announces ExperimentDecided; so does the last look: at the `deadline`, or when all that
    was planned for is known.  With `ask` an unproven test is decided without a winner, for somebody to choose.  Raises ExperimentError
    unless the test runs, ValueError for counts that don't fit its arms or each other.
    """
    from abtests.statistics import Kind
    from abtests.statistics.records import Question, verdict_as_json
    from abtests.statistics.spending import next_look

    locked = lock(experiment)
    if locked.state != Experiment.State.RUNNING:
        raise ExperimentError("Only a running test is looked at.")
    if len(sent) != locked.variants.count():
        raise ValueError(f"{len(sent)} counts don't fit the arms of test {locked.pk}.")
    earlier, before = selectors.looks_at(locked), None
    for look in earlier:
        # What was spent follows from the counts that were kept.
        asked = Question.from_json(look.question)
        before = next_look(asked.successes, asked.trials, lead=asked.lead, earlier=before)
    looks = next_look(responses, sent, lead=locked.lead, earlier=before, final=deadline)
    question = Question(
        successes=tuple(responses),
        trials=tuple(sent),
        lead=locked.lead,
        information=looks.information,
        spent=looks.spent,
        final=looks.is_last,
        complaints=tuple(complaints),
        unsubscribes=tuple(unsubscribes),
    )
    verdict = question.answer()
    kept = Look.objects.create(
        experiment=locked,
        number=len(earlier) + 1,
        looked_at=clock.now(),
        question=question.as_json(),
        verdict=verdict_as_json(verdict),
    )
    if verdict.kind is not Kind.CONTINUE:
        _decide(locked, verdict.kind.value, _goes_to_the_rest(locked, verdict))
    experiment.refresh_from_db()
    return kept


@transaction.atomic
def choose_winner(experiment: Experiment, *, variant: Variant, by: User) -> None:
    """End a test by hand, which is recorded as such.  Raises ExperimentError if it never ran or has a winner already."""
    locked = lock(experiment)
    open_states = {Experiment.State.RUNNING, Experiment.State.PAUSED}
    is_asked = locked.state == Experiment.State.DECIDED and locked.winner_id is None
    if variant.experiment_id != locked.pk:
        raise ExperimentError("This arm belongs to another test.")
    if locked.state not in open_states and not is_asked:
        raise ExperimentError("This test has not begun, or has its winner.")
    locked.decided_by = by
    _decide(locked, BY_HAND, variant)
    experiment.refresh_from_db()


def _goes_to_the_rest(experiment: Experiment, verdict: "Verdict") -> Variant | None:
    """Return the arm that the verdict, or else what was chosen beforehand, sends on; None if several or none are, or somebody is asked."""
    if verdict.leader is None or verdict.kind == "INVALID_SRM":
        return None
    variants = selectors.variants_of(experiment)
    leader, control = variants[verdict.leader], variants[0]
    if verdict.kind in {"WINNER", "ONLY_SAFE_ARM"} or experiment.without_proof == WithoutProof.LEADER:
        return leader
    if experiment.without_proof == WithoutProof.CONTROL:
        return leader if 0 in verdict.blocked else control
    return None


def _decide(locked: Experiment, outcome: str, winner: Variant | None) -> None:
    locked.state = Experiment.State.DECIDED
    locked.outcome = outcome
    locked.winner = winner
    locked.decided_at = clock.now()
    locked.save(update_fields=["state", "outcome", "winner", "decided_at", "decided_by"])
    bus.announce(ExperimentDecided(locked.pk, outcome, winner.pk if winner else None))
