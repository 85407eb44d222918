"""A/B tests of a sequence's emails: put to an email of the draft and taken from it, and started when that is published."""

from collections.abc import Sequence as Items
from typing import Final

from django.db import connection, transaction

from abtests import services as abtests
from abtests.events import ExperimentDecided
from abtests.models import Experiment
from core import clock
from delivery import services as delivery
from delivery.models import Mailing
from sequences.engine.versions import WAITS_FOR_TEST
from sequences.exceptions import StepError
from sequences.models import EnrolmentState, Sequence, Step, StepKind, Version
from sequences.services import arms, history, planning, waking
from sequences.services.drafts import named
from sequences.services.gestures import gesture, step_of
from team.models import User

FIRST_ARMS: Final = 2
UNDER_WAY: Final = (Experiment.State.RUNNING, Experiment.State.PAUSED)


def add_experiment(
    sequence: Sequence, *, key: str, name: str = "", user: User | None = None, revision: int | None = None
) -> Experiment:
    """Put a planned test of two versions, alike at first, to an email of the draft; raises StepError for a step that can have none."""
    with gesture(sequence, revision=revision, actor=_actor(user), keeps_steps=True) as draft:
        step = step_of(draft, key)
        if step.kind != StepKind.EMAIL:
            raise StepError("Only an email can be tested.", code="no_email")
        if step.experiment_id is not None:
            raise StepError("This email has a test already.", code="has_test")
        experiment = abtests.create_experiment(
            sequence.workspace, name=name or _name_for(step), design=planning.design_for(sequence)
        )
        for _ in range(FIRST_ARMS):
            abtests.add_variant(experiment)
        Step.objects.filter(pk=step.pk).update(experiment=experiment)
        history.note_edit(draft, f"added a test to {named(step)}")
    return experiment


def remove_experiment(sequence: Sequence, *, key: str, user: User | None = None, revision: int | None = None) -> None:
    """Take the test from an email of the draft.  One that runs ends, without a winner, when that is published."""
    with gesture(sequence, revision=revision, actor=_actor(user), keeps_steps=True) as draft:
        step = step_of(draft, key)
        if step.experiment_id is None:
            raise StepError("This email has no test.", code="no_test")
        Step.objects.filter(pk=step.pk).update(experiment=None)
        history.note_edit(draft, f"removed the test of {named(step)}")


def start_experiment(step: Step, control: Mailing) -> None:
    """Give each arm of a planned test its mailing, the `control` the first (none was sent yet), and start it."""
    experiment = step.experiment
    if experiment is None or experiment.state != Experiment.State.PLANNED:
        return
    content = {name: getattr(control, name) for name in arms.TEXTS}
    mailings: dict[int, int] = {}
    for arm, said in arms.contents_of_arms(step, content):
        mailings[arm.pk] = delivery.revise_mailing(control, **said).pk if mailings else control.pk
    abtests.prepare(experiment, mailing_ids=mailings)


def left_behind(live: Version, steps: Items[Step]) -> list[Experiment]:
    """Return the tests under way of the live version that a draft's steps don't have any more."""
    kept = [step.experiment_id for step in steps if step.experiment_id is not None]
    own = Experiment.objects.filter(steps__version=live, state__in=UNDER_WAY)
    return list(own.exclude(pk__in=kept).distinct().order_by("pk"))


def end_experiment(experiment: Experiment) -> None:
    """End a test whose email has none any more: whoever still gets the email gets the control."""
    experiment.refresh_from_db(fields=["state"])
    if experiment.state in UNDER_WAY:
        abtests.stop(experiment)


@transaction.atomic
def wake_decided(decision: ExperimentDecided) -> None:
    """Handler: whoever waits for the test's end is looked at now."""
    with connection.cursor() as cursor:
        # Who waits is open, so in the index of open enrolments.
        cursor.execute(
            """
            WITH awake AS (
                SELECT e.id FROM sequences_step s
                JOIN sequences_version v ON v.id = s.version_id
                JOIN sequences_enrolment e ON e.sequence_id = v.sequence_id AND e.version_id = v.id AND e.step_key = s.key
                WHERE s.experiment_id = %(experiment)s AND v.published_at IS NOT NULL
                    AND e.state = %(active)s AND e.reason = %(reason)s
                ORDER BY e.id FOR UPDATE OF e
            )
            UPDATE sequences_enrolment e SET due_at = %(now)s FROM awake WHERE e.id = awake.id
            """,
            {
                "experiment": decision.experiment_id,
                "active": EnrolmentState.ACTIVE,
                "reason": WAITS_FOR_TEST,
                "now": clock.now(),
            },
        )
        if cursor.rowcount:
            waking.wake_engine()


def _name_for(step: Step) -> str:
    return f"Test of {named(step)}"[:200]


def _actor(user: User | None) -> str:
    return "" if user is None else str(user)
