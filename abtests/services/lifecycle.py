"""The life of a test: planned → running ⇄ paused → decided or stopped."""

from django.db import transaction

from abtests import selectors
from abtests.exceptions import ExperimentError
from abtests.limits import FEWEST_ARMS
from abtests.models import Experiment
from core import clock


@transaction.atomic
def start(experiment: Experiment) -> None:
    """Lock the arms and let the test run.  Raises ExperimentError unless it is planned, with two arms that all have content."""
    locked = lock(experiment)
    variants = selectors.variants_of(locked)
    if len(variants) < FEWEST_ARMS:
        raise ExperimentError(f"A test needs at least {FEWEST_ARMS} arms.")
    if empty := [variant.name for variant in variants if variant.mailing_id is None]:
        raise ExperimentError(f"These arms have no content yet: {', '.join(empty)}.")
    _move(locked, Experiment.State.PLANNED, Experiment.State.RUNNING, "Only a planned test can be started.")
    locked.started_at = clock.now()
    locked.save(update_fields=["started_at"])
    experiment.refresh_from_db()


@transaction.atomic
def pause(experiment: Experiment) -> None:
    """Take no looks for a while.  Raises ExperimentError unless it runs."""
    _move(lock(experiment), Experiment.State.RUNNING, Experiment.State.PAUSED, "Only a running test can be paused.")
    experiment.refresh_from_db()


@transaction.atomic
def resume(experiment: Experiment) -> None:
    """Let a paused test go on.  Raises ExperimentError unless it is paused."""
    _move(lock(experiment), Experiment.State.PAUSED, Experiment.State.RUNNING, "Only a paused test can go on.")
    experiment.refresh_from_db()


def lock(experiment: Experiment) -> Experiment:
    """Return the test as it is now, locked until the transaction ends."""
    return Experiment.objects.select_for_update().get(pk=experiment.pk)


def _move(locked: Experiment, before: str, after: str, refusal: str) -> None:
    if locked.state != before:
        raise ExperimentError(refusal)
    locked.state = after
    locked.save(update_fields=["state"])
