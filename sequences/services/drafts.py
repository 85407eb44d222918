"""Editing the steps of a draft: every change locks the draft, so that two editors never interleave."""

import secrets
from collections.abc import Mapping
from collections.abc import Sequence as Items
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from sequences import selectors
from sequences.exceptions import SequenceError, StepError
from sequences.models import ROOT_LANE, Sequence, Step, StepKind, Version
from team.models import Workspace
from team.services import audit_as_workspace
from templates_lib.models import Format, TemplateVersion

SHORTEST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(days=730)
EMAIL_FIELDS = ("template_version", "subject", "preheader", "format", "source", "text_source")
STEP_FIELDS = (*EMAIL_FIELDS, "wait")


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
def add_step(sequence: Sequence, *, kind: str, key: str = "", position: int | None = None, **fields: Any) -> Step:
    """Add a step at `position` (from 0; at the end if None) of the draft.

    `fields` are those of `Step`: `wait` for a wait; `template_version`, `subject`, `preheader`, or `format`, `source` and
    `text_source` for an email.  Raises StepError, or SequenceError when there is no draft.
    """
    draft = lock_draft(sequence)
    steps = list(draft.steps.filter(lane=ROOT_LANE).order_by("position"))
    limit = settings.MAX_SEQUENCE_STEPS
    if len(steps) >= limit:
        raise StepError(f"A sequence can have at most {limit} steps.", fields={"steps": [f"At most {limit} steps."]})
    clean = _clean(sequence.workspace_id, kind, fields)
    at = len(steps) if position is None else max(0, min(position, len(steps)))
    step = Step.objects.create(version=draft, key=key or new_key(), position=len(steps), kind=kind, **clean)
    _renumber([*steps[:at], step, *steps[at:]])
    return step


@transaction.atomic
def update_step(step: Step, **changes: Any) -> Step:
    """Change fields of a draft's step.  Raises StepError, or SequenceError when it is published."""
    _lock_draft_of(step)
    clean = _clean(step.version.sequence.workspace_id, step.kind, changes)
    for name, value in clean.items():
        setattr(step, name, value)
    step.save(update_fields=list(clean))
    return step


@transaction.atomic
def remove_step(step: Step) -> None:
    """Take a step out of its draft.  Raises SequenceError when it is published."""
    draft = _lock_draft_of(step)
    step.delete()
    _renumber(list(draft.steps.filter(lane=ROOT_LANE).order_by("position")))


@transaction.atomic
def reorder_steps(sequence: Sequence, *, keys: Items[str]) -> None:
    """Put the draft's steps into the order of `keys`.  Raises StepError unless these are exactly the draft's steps."""
    draft = lock_draft(sequence)
    steps = {step.key: step for step in draft.steps.filter(lane=ROOT_LANE)}
    if sorted(keys) != sorted(steps):
        raise StepError("The steps have changed meanwhile; load the page again.", code="stale")
    _renumber([steps[key] for key in keys])


@transaction.atomic
def replace_steps(sequence: Sequence, *, steps: Items[Mapping[str, Any]]) -> list[Step]:
    """Make `steps` (mappings of `kind`, optionally `key`, and a step's fields) the draft's only steps, in this order.

    A step that names the key of an old one keeps that key.  Raises StepError with fields named "steps.<index>.<field>".
    """
    draft = lock_draft(sequence)
    limit = settings.MAX_SEQUENCE_STEPS
    if len(steps) > limit:
        raise StepError(f"A sequence can have at most {limit} steps.", fields={"steps": [f"At most {limit} steps."]})
    known = set(draft.steps.values_list("key", flat=True))
    draft.steps.all().delete()
    made: list[Step] = []
    for position, given in enumerate(steps):
        fields = {name: value for name, value in given.items() if name not in ("kind", "key")}
        key = given.get("key", "")
        try:
            clean = _clean(sequence.workspace_id, given["kind"], fields)
        except StepError as error:
            where = {f"steps.{position}.{name}": messages for name, messages in error.fields.items()}
            raise StepError(error.message, fields=where) from error
        known.discard(key) if (reused := key in known) else None
        made.append(
            Step(version=draft, key=key if reused else new_key(), position=position, kind=given["kind"], **clean)
        )
    return Step.objects.bulk_create(made)


@transaction.atomic
def copy_steps(source: Sequence, *, to: Sequence) -> None:
    """Give the draft of `to` the steps that `source` shows, with the same keys."""
    version = selectors.shown_version(source)
    draft = lock_draft(to)
    draft.steps.all().delete()
    copied = ("key", "lane", "position", "kind", *STEP_FIELDS)
    if version is not None:
        Step.objects.bulk_create(
            Step(version=draft, **{name: getattr(step, name) for name in copied})
            for step in selectors.steps_of(version)
        )


def lock_draft(sequence: Sequence) -> Version:
    """Lock and return the draft.  Raises SequenceError when there is none."""
    audit_as_workspace(sequence.workspace_id)
    draft = Version.objects.select_for_update().filter(sequence=sequence, published_at=None).first()
    if draft is None:
        raise SequenceError("The steps are published and can't be changed.")
    return draft


def new_key() -> str:
    """Return a new step key: it never means another step, in whatever version."""
    return secrets.token_hex(5)


def _lock_draft_of(step: Step) -> Version:
    draft = lock_draft(step.version.sequence)
    if step.version_id != draft.pk:
        raise SequenceError("The step is published and can't be changed.")
    return draft


def _renumber(steps: Items[Step]) -> None:
    """Write each step's place; the unique constraint on places is checked at the end of the transaction."""
    moved = [step for place, step in enumerate(steps) if step.position != place]
    for place, step in enumerate(steps):
        step.position = place
    Step.objects.bulk_update(moved, ["position"])


def _clean(workspace_id: int, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    if kind not in StepKind.values:
        raise StepError(f"There is no step of the kind “{kind}”.", fields={"kind": ["Choose email or wait."]})
    allowed = EMAIL_FIELDS if kind == StepKind.EMAIL else ("wait",)
    unknown = sorted(set(fields) - set(allowed))
    if unknown:
        raise StepError(
            f"A step of the kind {kind} has no {unknown[0]}.",
            fields={name: [f"Not for a step of the kind {kind}."] for name in unknown},
        )
    clean = dict(fields)
    if kind == StepKind.WAIT and "wait" in clean:
        clean["wait"] = _clean_wait(clean["wait"])
    template_version: TemplateVersion | None = clean.get("template_version")
    if template_version is not None and template_version.template.workspace_id != workspace_id:
        raise StepError("There is no such template.", fields={"template": ["There is no such template."]})
    if clean.get("format", Format.HTML) not in Format.values:
        raise StepError("Choose mjml, html or text.", fields={"format": ["Choose mjml, html or text."]})
    for name in ("subject", "preheader"):
        if name in clean:
            clean[name] = " ".join(clean[name].split())
    return clean


def _clean_wait(wait: Any) -> timedelta:
    if not isinstance(wait, timedelta) or not SHORTEST_WAIT <= wait <= LONGEST_WAIT:
        raise StepError("A wait takes from one second to two years.", fields={"wait": ["From 1 second to 2 years."]})
    return wait
