"""Planning a test."""

from django.db import transaction

from abtests.exceptions import ExperimentError
from abtests.limits import FEWEST_BATCHES, MOST_ARMS, MOST_BATCHES
from abtests.models import Experiment, Metric, Variant, WithoutProof
from abtests.services.lifecycle import lock
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
