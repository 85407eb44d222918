"""Editing the steps of a draft: every change locks the draft, so that two editors never interleave."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from sequences import kinds, selectors
from sequences.document import EMAIL_FIELDS, Placed, new_key, placed, settings_of
from sequences.exceptions import SequenceError, StepError
from sequences.graph import lane_of
from sequences.kinds.waits import FixedWait
from sequences.models import ROOT_LANE, Sequence, Step, StepKind, Version
from sequences.services import history, planning
from sequences.services.references import check_references
from team.models import Workspace
from team.services import audit_as_workspace
from templates_lib.models import Format, TemplateVersion

STEP_FIELDS = (*EMAIL_FIELDS, "wait", "config")


@transaction.atomic
def create_sequence(*, workspace: Workspace, name: str) -> Sequence:
    """Create a sequence with an empty draft."""
    sequence = Sequence.objects.create(workspace=workspace, name=name)
    Version.objects.create(sequence=sequence, number=1)
    return sequence


@transaction.atomic
def rename_sequence(sequence: Sequence, *, name: str) -> None:
    """Give the sequence another name."""
    Sequence.objects.filter(pk=sequence.pk).update(name=name)
    sequence.name = name


@transaction.atomic
def delete_sequence(sequence: Sequence) -> None:
    """Delete a sequence that was never published, with the tests planned for its emails.  Raises SequenceError for one that was."""
    versions = list(sequence.versions.all())
    if any(version.published_at is not None for version in versions):
        raise SequenceError("People have come by these steps: they can’t be deleted.")
    planned = set[int]().union(*(planning.tests_of(version) for version in versions))
    sequence.delete()
    planning.drop_unused(planned)


@transaction.atomic
def add_step(
    sequence: Sequence, *, kind: str, key: str = "", lane: str = ROOT_LANE, position: int | None = None, **fields: Any
) -> Step:
    """Add a step to a lane of the draft at `position` (from 0; at the end if None).

    `fields` are `template_version`, `subject`, `preheader`, or `format`, `source` and `text_source` for an email, the
    settings of `sequences.kinds` for any other step.  Raises StepError, or SequenceError when there is no draft.
    """
    draft = lock_draft(sequence)
    everything = list(draft.steps.order_by("position"))
    require_room(len(everything) + 1)
    if lane not in lanes_of(everything):
        raise StepError("There is no such lane.", fields={"lane": ["There is no such lane."]})
    steps = [step for step in everything if step.lane == lane]
    key = key or new_key()
    clean = _clean(sequence.workspace_id, kind, fields, key=key)
    at = len(steps) if position is None else max(0, min(position, len(steps)))
    step = Step.objects.create(version=draft, key=key, lane=lane, position=len(steps), kind=kind, **clean)
    renumber([*steps[:at], step, *steps[at:]])
    history.note_edit(draft, f"added {named(step)}")
    return step


@transaction.atomic
def update_step(step: Step, /, *, replace: bool = False, **changes: Any) -> Step:
    """Change fields of a draft's step, or `replace` all settings.  Raises StepError, or SequenceError when it is published.

    Lanes that a change takes away (a split loses a share) go with their steps.
    """
    draft = _lock_draft_of(step)
    given = changes if replace else settings_of(step) | changes
    clean = _clean(step.version.sequence.workspace_id, step.kind, given, key=step.key)
    for name, value in clean.items():
        setattr(step, name, value)
    step.save(update_fields=list(clean))
    drop_lost_lanes(draft)
    history.note_edit(draft, f"changed {named(step)}")
    return step


@transaction.atomic
def remove_step(step: Step) -> None:
    """Take a step out of its draft, with the steps in its lanes.  Raises SequenceError when it is published."""
    draft = _lock_draft_of(step)
    step.delete()
    drop_lost_lanes(draft)
    renumber(list(draft.steps.filter(lane=step.lane).order_by("position")))
    history.note_edit(draft, f"removed {named(step)}")


@transaction.atomic
def reorder_steps(sequence: Sequence, *, keys: Items[str], lane: str = ROOT_LANE) -> None:
    """Put the steps of a lane into the order of `keys`.  Raises StepError unless these are exactly the lane's steps."""
    draft = lock_draft(sequence)
    steps = {step.key: step for step in draft.steps.filter(lane=lane)}
    if sorted(keys) != sorted(steps):
        raise StepError("The steps have changed meanwhile; load the page again.", code="stale")
    renumber([steps[key] for key in keys])
    history.note_edit(draft, "changed the order")


@transaction.atomic
def replace_steps(sequence: Sequence, *, steps: Items[Mapping[str, Any]]) -> list[Step]:
    """Make a document (see `sequences.document`; an email names a `template_version`) the draft's only steps.

    Keys that are given are kept.  Raises StepError, whose message names the step and whose fields are paths as
    "steps.2.lanes.yes.0.wait".
    """
    draft = lock_draft(sequence)
    given = placed(steps, deepest=settings.MAX_SEQUENCE_NESTING)
    require_room(len(given))
    made = made_of(draft, sequence.workspace_id, given)
    planning.keep_tests(draft, made)
    planning.make_tests(sequence, given, made)
    history.write_rows(draft, {step.key: step for step in made})
    history.note_edit(draft, "replaced the steps")
    return made


@transaction.atomic
def copy_steps(source: Sequence, *, to: Sequence) -> None:
    """Give the draft of `to` the steps that `source` shows, with the same keys; a test becomes a new one with the same plan."""
    version = selectors.shown_version(source)
    draft = lock_draft(to)
    draft.steps.all().delete()
    copied = ("key", "lane", "position", "kind", *STEP_FIELDS)
    if version is not None:
        steps = list(selectors.steps_of(version))
        copies = [Step(version=draft, **{name: getattr(step, name) for name in copied}) for step in steps]
        planning.copy_tests(to, steps, copies)
        Step.objects.bulk_create(copies)
    history.note_edit(draft, "copied the steps")


def named(step: Step) -> str:
    """Return what people call the step: "the email “Hello”", "a wait"."""
    if step.kind == StepKind.EMAIL and step.subject:
        return f"the email “{step.subject[:80]}”"
    kind = step.get_kind_display().lower()
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def lock_draft(sequence: Sequence) -> Version:
    """Lock and return the draft.  Raises SequenceError when there is none."""
    audit_as_workspace(sequence.workspace_id)
    draft = Version.objects.select_for_update().filter(sequence=sequence, published_at=None).first()
    if draft is None:
        raise SequenceError("The steps are published and can't be changed.")
    return draft


def _lock_draft_of(step: Step) -> Version:
    draft = lock_draft(step.version.sequence)
    if step.version_id != draft.pk:
        raise SequenceError("The step is published and can't be changed.")
    return draft


def require_room(count: int) -> None:
    """Raise StepError if a sequence can't have so many steps."""
    limit = settings.MAX_SEQUENCE_STEPS
    if count > limit:
        raise StepError(f"A sequence can have at most {limit} steps.", fields={"steps": [f"At most {limit} steps."]})


def lanes_of(steps: Items[Step]) -> set[str]:
    """Return the names of all lanes that the steps open."""
    inner = {lane_of(step.key, outcome) for step in steps for outcome in kinds.lanes_of(step.kind, step.config)}
    return {ROOT_LANE} | inner


def drop_lost_lanes(draft: Version) -> None:
    """Delete steps whose lane is gone, until there are none."""
    while True:
        steps = list(draft.steps.all())
        known = lanes_of(steps)
        lost = [step.pk for step in steps if step.lane not in known]
        if not lost:
            return
        draft.steps.filter(pk__in=lost).delete()


def made_of(draft: Version, workspace_id: int, given: Items[Placed]) -> list[Step]:
    """Return the rows of a document, not yet written.  Raises StepError, which names the step."""
    return [_made(draft, workspace_id, step) for step in given]


def _made(draft: Version, workspace_id: int, given: Placed) -> Step:
    try:
        clean = _clean(workspace_id, given.kind, given.fields, key=given.key)
    except StepError as error:
        where = {f"{given.path}.{name}": messages for name, messages in error.fields.items()}
        raise StepError(f"{given.label} ({given.kind}): {error.message}", fields=where) from error
    known = kinds.lanes_of(given.kind, clean.get("config", {}))
    if unknown := sorted(set(given.lanes) - set(known)):
        message = f"There is no lane “{unknown[0]}”; " + (
            f"its lanes are {', '.join(known)}." if known else "it has none."
        )
        raise StepError(f"{given.label} ({given.kind}): {message}", fields={f"{given.path}.lanes": [message]})
    return Step(version=draft, key=given.key, lane=given.lane, position=given.position, kind=given.kind, **clean)


def renumber(steps: Items[Step], *, moved: Step | None = None) -> None:
    """Write each step's place, and the lane of the one that was `moved`.

    The unique constraint on places is checked at the end of the transaction.
    """
    changed = [step for place, step in enumerate(steps) if step.position != place or step is moved]
    for place, step in enumerate(steps):
        step.position = place
    Step.objects.bulk_update(changed, ["lane", "position"])


def _clean(workspace_id: int, kind: str, fields: Mapping[str, Any], *, key: str) -> dict[str, Any]:
    """Return the columns of a step.  What is missing may be; raises StepError for what is wrong."""
    if kind not in StepKind.values:
        choices = f"Choose one of {', '.join(StepKind.values)}."
        raise StepError(f"There is no step of the kind “{kind}”.", fields={"kind": [choices]})
    if kind == StepKind.EMAIL:
        return _clean_email(workspace_id, fields)
    reading = kinds.read(kind, fields, key=key)
    ((normal, errors),) = check_references(workspace_id, reading.settings)
    if errors := reading.errors | errors:
        raise StepError(next(iter(errors.values())), fields={name: [message] for name, message in errors.items()})
    clean = reading.clean | normal
    if kind != StepKind.WAIT:
        return {"config": clean}
    clean.pop("wait", None)
    return {"wait": reading.settings.duration if isinstance(reading.settings, FixedWait) else None, "config": clean}


def _clean_email(workspace_id: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(fields) - {*EMAIL_FIELDS, *kinds.EMAIL_SETTINGS, "template"}):
        raise StepError(
            f"An email has no {unknown[0]}.", fields={name: ["Not for a step of this kind."] for name in unknown}
        )
    clean = {name: value for name, value in fields.items() if name not in kinds.EMAIL_SETTINGS}
    if len(clean) < len(fields):
        reading = kinds.read(StepKind.EMAIL, {name: fields.get(name) for name in kinds.EMAIL_SETTINGS})
        if reading.errors:
            errors = {name: [message] for name, message in reading.errors.items()}
            raise StepError(next(iter(reading.errors.values())), fields=errors)
        clean["config"] = reading.clean
    if "template" in clean:
        clean["template_version"] = _template_version(
            workspace_id, clean.pop("template"), clean.get("template_version")
        )
    template_version: TemplateVersion | None = clean.get("template_version")
    if template_version is not None and template_version.template.workspace_id != workspace_id:
        raise StepError("There is no such template.", fields={"template": ["There is no such template."]})
    if clean.get("format", Format.HTML) not in Format.values:
        raise StepError("Choose mjml, html or text.", fields={"format": ["Choose mjml, html or text."]})
    for name in ("subject", "preheader"):
        if name in clean:
            clean[name] = " ".join(clean[name].split())
    return clean


def _template_version(workspace_id: int, template: Any, number: Any) -> TemplateVersion | None:
    """Return the version of a template (by its id) with the number, or its current one.  Raises StepError."""
    if template is None:
        return None
    found = None
    if isinstance(template, int):
        versions = TemplateVersion.objects.filter(template=template, template__workspace=workspace_id)
        wanted = (
            versions.filter(number=number)
            if isinstance(number, int)
            else versions.filter(template__current_version=F("pk"))
        )
        found = wanted.select_related("template").first()
    if found is None:
        message = f"This workspace has no template {template}."
        raise StepError(message, fields={"template": [message]})
    return found
