"""A test's plan as a document, and new tests from it: for copies of an email, and for files."""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any, Final

from django.db import transaction

from abtests import selectors
from abtests.limits import MOST_ARMS
from abtests.models import WAYS, Design, Dimension, Experiment, Variant
from abtests.services.planning import add_variant, create_experiment, set_factors
from core.exceptions import InvalidInput
from team.models import Workspace
from templates_lib.models import TemplateVersion

_TEXTS: Final = ("name", "metric", "link_label", "event_name", "mode", "rule", "without_proof")
_NUMBERS: Final = ("window_hours", "base", "lead", "batches", "spacing_minutes", "largest_share", "per_arm", "days")
_OPTIONAL: Final = ("per_arm", "days")
_SHARES: Final = ("base", "lead", "largest_share")
_PLAN: Final = (*_TEXTS, *_NUMBERS, "dimensions")
_VERSION: Final = ("name", "subject", "preheader", "from_name", "send_at", "template_version", "levels")
MOST_TEXT: Final = 1_000


def plan_document(experiment: Experiment) -> dict[str, Any]:
    """Return the plan of a test with its versions, as JSON holds it; `template_version` is the id of a version's content, or None."""
    return {
        **{name: getattr(experiment, name) for name in _PLAN},
        "versions": [
            {
                "name": variant.name,
                "subject": variant.subject,
                "preheader": variant.preheader,
                "from_name": variant.from_name,
                "send_at": variant.send_at.isoformat("minutes") if variant.send_at else None,
                "template_version": variant.template_version_id,
                "levels": variant.levels,
            }
            for variant in selectors.variants_of(experiment)
        ],
    }


@transaction.atomic
def create_from_plan(workspace: Workspace, *, plan: object, design: Design) -> Experiment:
    """Plan a test as a document says (`plan_document`).  Raises InvalidInput with the fields that are wrong ("versions.1.subject")."""
    given, versions = _read(plan)
    continuous = {"design": design} if design == Design.CONTINUOUS else {}
    experiment = create_experiment(workspace, **{"name": "Test", **given, **continuous})
    for place, version in enumerate(versions):
        content = _content(workspace, version, place)
        versions[place] = {**version, **content}
    if len(experiment.dimensions) > 1:
        _combine(experiment, versions)
    else:
        for place, version in enumerate(versions):
            columns = {column: version[column] for column in WAYS.values() if column in version}
            try:
                add_variant(experiment, name=str(version.get("name") or ""), **columns)
            except InvalidInput as error:
                fields = {f"versions.{place}.{name}": found for name, found in error.fields.items()}
                raise InvalidInput(error.message, fields=fields) from error
    return experiment


def copy_experiment(experiment: Experiment, *, design: Design) -> Experiment:
    """Return a new planned test with the plan of this one: people get their arms anew."""
    return create_from_plan(experiment.workspace, plan=plan_document(experiment), design=design)


def _read(plan: object) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the fields of a plan and its versions, each of its type."""
    if not isinstance(plan, Mapping):
        raise InvalidInput("A test is an object.", fields={"": ["This must be an object."]})
    versions = plan.get("versions", [])
    wrong = _wrong_fields(plan) | _wrong_versions(versions)
    if wrong:
        raise InvalidInput("The test can't be read.", fields=wrong)
    return {str(name): value for name, value in plan.items() if name != "versions"}, [dict(each) for each in versions]


def _wrong_fields(plan: Mapping[Any, Any]) -> dict[str, list[str]]:
    wrong = {
        name: ["A test has no such field."] for name in sorted({str(name) for name in plan} - {*_PLAN, "versions"})
    }
    for name in _TEXTS:
        if name in plan and (not isinstance(plan[name], str) or len(plan[name]) > MOST_TEXT):
            wrong[name] = ["This must be text."]
    for name in _NUMBERS:
        value = plan.get(name)
        if name in plan and not (value is None and name in _OPTIONAL) and not _is_number(value, name):
            wrong[name] = ["This must be a number."]
    if "dimensions" in plan and not _is_texts(plan["dimensions"]):
        wrong["dimensions"] = ["This must be a list of texts."]
    return wrong


def _wrong_versions(versions: object) -> dict[str, list[str]]:
    if not isinstance(versions, list) or not all(isinstance(version, Mapping) for version in versions):
        return {"versions": ["This must be a list of objects."]}
    return {"versions": [f"A test has at most {MOST_ARMS} versions."]} if len(versions) > MOST_ARMS else {}


def _is_number(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) if name in _SHARES else isinstance(value, int)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _content(workspace: Workspace, version: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return the time and the template of a version as the columns hold them.  Raises InvalidInput."""
    if unknown := sorted({str(name) for name in version} - set(_VERSION)):
        raise InvalidInput(
            "The test can't be read.", fields={f"versions.{place}.{name}": ["Unknown."] for name in unknown}
        )
    found: dict[str, Any] = {}
    at, template_version = version.get("send_at"), version.get("template_version")
    if at is not None:
        try:
            found["send_at"] = time.fromisoformat(at) if isinstance(at, str) else None
        except ValueError:
            found["send_at"] = None
        if found["send_at"] is None:
            message = "Give a time of the day, as 09:30."
            raise InvalidInput(message, fields={f"versions.{place}.send_at": [message]})
    if template_version is not None:
        versions = TemplateVersion.objects.filter(template__workspace=workspace).select_related("template")
        known = versions.filter(pk=template_version).first() if isinstance(template_version, int) else None
        if known is None:
            message = "There is no such template."
            raise InvalidInput(message, fields={f"versions.{place}.template_version": [message]})
        found["template_version"] = known
    return found


def _combine(experiment: Experiment, versions: Sequence[Mapping[str, Any]]) -> None:
    """Make the versions of a factorial test, which are all combinations of what each part says in its ways."""
    dimensions: list[str] = experiment.dimensions
    ways: dict[str, dict[int, Any]] = {name: {} for name in dimensions}
    for place, version in enumerate(versions):
        levels = version.get("levels")
        if (
            not isinstance(levels, list)
            or len(levels) != len(dimensions)
            or not all(_is_number(at, "") for at in levels)
        ):
            message = f"Give one level for each of {', '.join(dimensions)}."
            raise InvalidInput(message, fields={f"versions.{place}.levels": [message]})
        for name, level in zip(dimensions, levels, strict=True):
            blank = None if name in (Dimension.CONTENT, Dimension.SEND_TIME) else ""
            ways[name].setdefault(level, version.get(WAYS[name], blank))
    levels_of = {name: [found[level] for level in sorted(found)] for name, found in ways.items()}
    made = set_factors(experiment, dimensions=dimensions, levels=levels_of)
    for variant, version in zip(made, versions, strict=False):
        if name := str(version.get("name") or "").strip():
            Variant.objects.filter(pk=variant.pk).update(name=name[:100])
