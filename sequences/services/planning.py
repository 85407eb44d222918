"""The A/B tests of a draft's emails: what a copy, a file or an older state of the draft brings along."""

from collections.abc import Collection
from collections.abc import Sequence as Items

from abtests import services as abtests
from abtests.models import Design, Experiment
from core.exceptions import InvalidInput
from sequences import selectors
from sequences.document import Placed
from sequences.exceptions import StepError
from sequences.models import Sequence, Step, StepKind, Version


def design_for(sequence: Sequence) -> Design:
    """Return who gets the versions: a broadcast goes to an audience that is known, all else to whoever comes by."""
    is_broadcast = getattr(selectors.owner_of(sequence), "kind", "") == "broadcast"
    return Design.CELLS if is_broadcast else Design.CONTINUOUS


def make_tests(sequence: Sequence, given: Items[Placed], made: Items[Step]) -> None:
    """Plan the tests that a document's steps (`given`, parallel to their rows) hold.  Raises StepError, which names the step and the field."""
    for place, step in zip(given, made, strict=True):
        if place.test is None:
            continue
        path = f"{place.path}.test"
        if step.kind != StepKind.EMAIL:
            message = "Only an email can be tested."
            raise StepError(f"{place.label} ({step.kind}): {message}", fields={path: [message]})
        try:
            step.experiment = abtests.create_from_plan(sequence.workspace, plan=place.test, design=design_for(sequence))
        except InvalidInput as error:
            fields = {".".join(filter(None, (path, name))): found for name, found in error.fields.items()}
            first = next(iter(error.fields.values()), [error.message])[0]
            raise StepError(f"{place.label}, its test: {first}", fields=fields or {path: [error.message]}) from error


def keep_tests(draft: Version, made: Items[Step]) -> None:
    """Leave the draft's emails their tests: a document that is written back shows them, but doesn't hold them."""
    present = dict(draft.steps.filter(experiment__isnull=False).values_list("key", "experiment_id"))
    for step in made:
        if step.kind == StepKind.EMAIL:
            step.experiment_id = present.get(step.key)


def copy_tests(sequence: Sequence, steps: Items[Step], copies: Items[Step]) -> None:
    """Give copies of steps (parallel) new planned tests with the same plans."""
    for step, copy in zip(steps, copies, strict=True):
        if step.experiment is not None:
            copy.experiment = abtests.copy_experiment(step.experiment, design=design_for(sequence))


def tests_of(draft: Version) -> set[int]:
    """Return the tests that the draft's emails have, or had at some time of its editing."""
    found = set(draft.steps.filter(experiment__isnull=False).values_list("experiment_id", flat=True))
    for rows in draft.edits.values_list("steps", flat=True):
        found |= {row["experiment_id"] for row in rows if row.get("experiment_id")}
    return found


def drop_unused(experiment_ids: Collection[int]) -> None:
    """Delete those of the tests that were never begun and belong to no step any more."""
    planned = Experiment.objects.filter(pk__in=experiment_ids, state=Experiment.State.PLANNED)
    planned.filter(steps=None).delete()
