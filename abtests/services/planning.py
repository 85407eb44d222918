"""Planning a test: what is asked, of whom, and the versions.  All of it is locked once the test runs."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from django.db import transaction

from abtests import plans, selectors
from abtests.exceptions import ExperimentError
from abtests.limits import FEWEST_ARMS, MOST_ARMS
from abtests.models import WAYS, Design, Dimension, Experiment, Metric, Variant
from abtests.plan_fields import FIELDS, faults, tidied
from abtests.services.lifecycle import lock
from abtests.usual import NORMAL_WINDOWS, usual_lead
from abtests.variant_fields import letter, level_faults
from core.exceptions import InvalidInput
from delivery.models import Mailing
from team.models import Workspace


@transaction.atomic
def create_experiment(workspace: Workspace, *, name: str, **fields: Any) -> Experiment:
    """Plan a test without versions; `fields` are the model's (`plan_fields.FIELDS`).

    What is left out is as usual: the window of the metric, the workspace's own base rate, a lead of a fifth of it.  `base`, `lead` and
    `largest_share` are shares (0.03 is 3 %).  Raises InvalidInput with the fields that are wrong.
    """
    given = tidied({"name": name, **_known(fields)})
    metric = given.get("metric", Metric.CLICK)
    if metric in Metric.values:
        given.setdefault("window_hours", NORMAL_WINDOWS[metric])
        given.setdefault("base", selectors.base_rate(workspace, metric, link=given.get("link_label", "")).rate)
    given.setdefault("lead", usual_lead(given["base"]) if 0 < given.get("base", 0) < 1 else 0)
    experiment = Experiment(workspace=workspace, **given)
    _require_sound(experiment)
    experiment.save()
    return experiment


@transaction.atomic
def update_experiment(experiment: Experiment, **fields: Any) -> bool:
    """Change the plan and return whether anything is different now; `fields` are those of `create_experiment`, and `name`.

    The versions stay as they are: what is tested changes by `set_factors`.  Raises ExperimentError once the test runs, InvalidInput with
    the fields that are wrong.
    """
    locked = _lock_planned(experiment)
    wanted = tidied({"dimensions": locked.dimensions, "design": locked.design, **_known(fields)})
    changed = [name for name, value in wanted.items() if getattr(locked, name) != value]
    for name in changed:
        setattr(locked, name, wanted[name])
    if changed:
        _require_sound(locked)
        locked.save(update_fields=changed)
    experiment.refresh_from_db()
    return bool(changed)


@transaction.atomic
def add_variant(experiment: Experiment, *, name: str = "", mailing: Mailing | None = None, **content: Any) -> Variant:
    """Add a version; the first is the control.  Without a name it gets the next letter.

    `content` is any of subject, preheader, from_name, template_version and send_at; what is left out is as in the email.  Raises
    ExperimentError once the test runs, has eight or is factorial, InvalidInput.
    """
    locked = _lock_planned(experiment)
    _require_not_factorial(locked)
    position = locked.variants.count()
    if position >= MOST_ARMS:
        raise ExperimentError(f"A test has at most {MOST_ARMS} versions.")
    if mailing is not None and mailing.workspace_id != locked.workspace_id:
        raise InvalidInput("There is no such mailing.", fields={"mailing": ["There is no such mailing."]})
    variant = Variant(experiment=locked, position=position, name=name.strip() or letter(position), mailing=mailing)
    _write(variant, content)
    return variant


@transaction.atomic
def update_variant(variant: Variant, **changes: Any) -> None:
    """Change a version's name or content (see `add_variant`).

    Raises ExperimentError once the test runs, or for the content of a factorial test (`set_factors` changes that), InvalidInput.
    """
    locked = _lock_planned(variant.experiment)
    if set(changes) - {"name"}:
        _require_not_factorial(locked)
    variant.refresh_from_db()
    _write(variant, changes)


@transaction.atomic
def remove_variant(variant: Variant) -> None:
    """Take a version out; those behind it move up, and take its letter.

    Raises ExperimentError once the test runs, or for the control, one of the last two, or one of a factorial test.
    """
    locked = _lock_planned(variant.experiment)
    _require_not_factorial(locked)
    variants = selectors.variants_of(locked)
    if variant not in variants:
        return
    if variants[0] == variant:
        raise ExperimentError("The first version is the email as it is: all others are compared with it.")
    if len(variants) <= FEWEST_ARMS:
        raise ExperimentError(f"A test needs at least {FEWEST_ARMS} versions.")
    variants.remove(variant)
    variant.delete()
    _close_ranks(variants)


@transaction.atomic
def set_factors(
    experiment: Experiment, *, dimensions: Sequence[str], levels: Mapping[str, Sequence[Any]]
) -> list[Variant]:
    """Say what is tested and in which ways, and return the versions: of several dimensions every combination.

    `levels` has for each dimension the ways, the email's own first: texts ("" is as in the email), template versions (or None) for
    `content`, times (or None) for `send_time`.  A version whose place stays keeps its row.  Raises ExperimentError once the test runs,
    InvalidInput with fields by dimension, or by dimension and way ("subject.1").
    """
    locked = _lock_planned(experiment)
    wanted = tidied({"dimensions": list(dimensions), "design": locked.design})
    for name, value in wanted.items():
        setattr(locked, name, value)
    _require_sound(locked)
    names: list[str] = locked.dimensions
    _require_levels(locked, {name: list(levels.get(name, [])) for name in names})
    locked.save(update_fields=["dimensions", "design"])
    combined = list(product(*(range(len(levels[name])) for name in names)))
    existing = {variant.position: variant for variant in selectors.variants_of(locked)}
    for position in sorted(set(existing) - set(range(len(combined)))):
        existing.pop(position).delete()
    for position, ways in enumerate(combined):
        variant = existing.get(position) or Variant(experiment=locked, position=position, name=letter(position))
        for dimension, column in WAYS.items():
            blank = None if dimension in (Dimension.CONTENT, Dimension.SEND_TIME) else ""
            way = levels[dimension][ways[names.index(dimension)]] if dimension in names else blank
            setattr(variant, column, way.strip() if isinstance(way, str) else way)
        variant.levels = list(ways) if len(names) > 1 else []
        variant.save()
    experiment.refresh_from_db()
    return selectors.variants_of(locked)


def plan_of(experiment: Experiment, audience: int) -> plans.Plan:
    """Return the plan of a test, saved or not, for so many recipients.  Raises ValueError for a plan that makes no sense."""
    return plans.plan(
        audience,
        arms=_arms(experiment),
        base=experiment.base,
        lead=experiment.lead,
        window_hours=experiment.window_hours,
        spacing_hours=experiment.spacing_minutes / 60 if experiment.design == Design.CELLS else 0.0,
        batches=experiment.batches,
        largest_share=experiment.largest_share,
        per_arm=experiment.per_arm,
    )


def reaches_of(experiment: Experiment, sizes: Sequence[int]) -> list[plans.Reach]:
    """Return what each number of recipients a version can prove and can pick, for the curve.  Raises ValueError as `plan_of`."""
    return plans.curve(_arms(experiment), experiment.base, sizes)


def _arms(experiment: Experiment) -> int:
    return max(experiment.variants.filter(stopped_at=None).count(), FEWEST_ARMS) if experiment.pk else FEWEST_ARMS


def _lock_planned(experiment: Experiment) -> Experiment:
    locked = lock(experiment)
    if locked.state != Experiment.State.PLANNED:
        raise ExperimentError("The versions of a test that runs are locked, and so is its plan.")
    return locked


def _require_not_factorial(locked: Experiment) -> None:
    if len(locked.dimensions) > 1:
        raise ExperimentError("The versions of this test are combinations: change the ways of its parts instead.")


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(fields) - set(FIELDS)):
        raise InvalidInput(f"A test has no {unknown[0]}.", fields={name: ["Unknown."] for name in unknown})
    return dict(fields)


def _require_sound(plan: Experiment) -> None:
    if wrong := faults(plan):
        raise InvalidInput("The test can't be planned like this.", fields=wrong)


def _require_levels(locked: Experiment, levels: Mapping[str, Sequence[Any]]) -> None:
    wrong: dict[str, list[str]] = {}
    for dimension, ways in levels.items():
        if len(ways) < FEWEST_ARMS:
            wrong[dimension] = ["Give at least one other way beside the email's own."]
        for number, way in enumerate(ways):
            if found := level_faults(dimension, way, locked.workspace_id):
                wrong[f"{dimension}.{number}"] = found
    count = prod(len(ways) for ways in levels.values())
    if count > MOST_ARMS:
        wide = max(levels, key=lambda name: len(levels[name]))
        wrong[wide] = [f"That would be {count} versions; a test has at most {MOST_ARMS}."]
    if wrong:
        raise InvalidInput("The versions can't be like this.", fields=wrong)


def _write(variant: Variant, changes: Mapping[str, Any]) -> None:
    by_column = {column: dimension for dimension, column in WAYS.items()}
    wrong: dict[str, list[str]] = {}
    for column, value in changes.items():
        if column == "name":
            variant.name = str(value).strip()
        elif column not in by_column:
            wrong[column] = ["Unknown."]
        elif found := level_faults(by_column[column], value, variant.experiment.workspace_id):
            wrong[column] = found
        else:
            setattr(variant, column, value.strip() if isinstance(value, str) else value)
    if not variant.name or len(variant.name) > 100:
        wrong["name"] = ["Give the version a name of up to 100 letters."]
    if wrong:
        raise InvalidInput("The version can't be like this.", fields=wrong)
    variant.save()


def _close_ranks(variants: Sequence[Variant]) -> None:
    """Number the versions anew, each into a place that is free by then; letters follow the places."""
    for position, variant in enumerate(variants):
        if variant.position == position:
            continue
        if variant.name == letter(variant.position):
            variant.name = letter(position)
        variant.position = position
        variant.save(update_fields=["position", "name"])
