"""Planning a test, and letting it run."""

from django.db import transaction

from abtests import selectors
from abtests.exceptions import ExperimentError
from abtests.limits import FEWEST_ARMS, FEWEST_BATCHES, MOST_ARMS, MOST_BATCHES
from abtests.models import Experiment, Metric, Variant, WithoutProof
from core import clock
from core.exceptions import InvalidInput
from delivery.models import Mailing
from team.models import Workspace

LONGEST_WINDOW = 14 * 24


@transaction.atomic
def create_experiment(
    workspace: Workspace,
    *,
    name: str,
    window_hours: int,
    base: float,
    lead: float,
    metric: str = Metric.CLICK,
    batches: int = 6,
    without_proof: str = WithoutProof.LEADER,
) -> Experiment:
    """Plan a test; `base` and `lead` are shares of those sent to.  Raises InvalidInput with the fields that are wrong."""
    wrong: dict[str, list[str]] = {}
    if not name.strip() or len(name) > 200:
        wrong["name"] = ["Give the test a name of up to 200 letters."]
    if metric not in Metric.values:
        wrong["metric"] = [f"This must be one of {', '.join(Metric.values)}."]
    if without_proof not in WithoutProof.values:
        wrong["without_proof"] = [f"This must be one of {', '.join(WithoutProof.values)}."]
    if not 1 <= window_hours <= LONGEST_WINDOW:
        wrong["window_hours"] = [f"This must be 1 to {LONGEST_WINDOW} hours."]
    if not FEWEST_BATCHES <= batches <= MOST_BATCHES:
        wrong["batches"] = [f"This must be {FEWEST_BATCHES} to {MOST_BATCHES}."]
    if not 0 < base < 1:
        wrong["base"] = ["This must be above 0 and below 1: 0.03 is 3 %."]
    elif not 0 < lead < 1 - base:
        wrong["lead"] = ["This must be above 0, and with the base rate below 1."]
    if wrong:
        raise InvalidInput("The test can't be planned like this.", fields=wrong)
    return Experiment.objects.create(
        workspace=workspace,
        name=name.strip(),
        metric=metric,
        window_hours=window_hours,
        base=base,
        lead=lead,
        batches=batches,
        without_proof=without_proof,
    )


@transaction.atomic
def add_variant(experiment: Experiment, *, name: str, mailing: Mailing | None = None) -> Variant:
    """Add an arm; the first is the control.  Raises ExperimentError once the test runs or has eight, InvalidInput."""
    locked = lock(experiment)
    if locked.state != Experiment.State.PLANNED:
        raise ExperimentError("The arms of a test that runs are locked.")
    position = locked.variants.count()
    if position >= MOST_ARMS:
        raise ExperimentError(f"A test has at most {MOST_ARMS} arms.")
    if not name.strip() or len(name) > 100:
        message = "Give the arm a name of up to 100 letters."
        raise InvalidInput(message, fields={"name": [message]})
    if mailing is not None and mailing.workspace_id != locked.workspace_id:
        raise InvalidInput("There is no such mailing.", fields={"mailing": ["There is no such mailing."]})
    return Variant.objects.create(experiment=locked, position=position, name=name.strip(), mailing=mailing)


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
