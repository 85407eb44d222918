"""The edits of a draft: a row for each with the steps after it, so that any of them can be undone and redone.

The history begins with the first edit in the builder and ends with the draft's publishing; undoing is an edit as any other
(docs/decisions/0048-undo-is-an-edit.md).
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db.models import DurationField
from django.utils.duration import duration_iso_string

from abtests.models import Experiment
from core import clock
from sequences import selectors
from sequences.exceptions import SequenceError, StaleDraftError
from sequences.models import DraftEdit, Step, Version
from team.services import current_actor
from templates_lib.models import TemplateVersion

KEPT = 200
NOT_KEPT = frozenset({"id", "version_id", "mailing_id"})

Row = dict[str, Any]


def require_revision(draft: Version, revision: int | None) -> None:
    """Raise StaleDraftError, saying what was done since, unless the locked draft is at `revision` (None: any will do)."""
    if revision is not None and draft.revision != revision:
        raise StaleDraftError(selectors.edits_since(draft, revision))


def begin(draft: Version) -> None:
    """Keep the steps of a locked draft as they are, before its first edit in the builder."""
    if not draft.edits.exists():
        DraftEdit.objects.create(version=draft, revision=draft.revision, steps=rows_of(draft))


def note_edit(draft: Version, what: str) -> None:
    """Give a locked draft, just changed, its next revision; `what` says what was done, as in "added a wait"."""
    last = _last(draft)
    _next_revision(draft)
    if last is not None:
        _keep(draft, what, undoes=what, undo_to=last.revision)


def undo_edit(draft: Version) -> str:
    """Bring back a locked draft's steps before the last edit; return what that was.  Raises SequenceError without one."""
    last = _last(draft)
    before = _at(draft, last.undo_to) if last else None
    if last is None or before is None:
        raise SequenceError("There is nothing to undo.", code="nothing_to_undo")
    _bring_back(draft, before.steps)
    _next_revision(draft)
    _keep(draft, f"took back: {last.undoes}", undoes=before.undoes, undo_to=before.undo_to, redo_to=last.revision)
    return last.undoes


def redo_edit(draft: Version) -> str:
    """Do again what was undone last in a locked draft; return what that was.  Raises SequenceError if nothing was."""
    last = _last(draft)
    after = _at(draft, last.redo_to) if last else None
    if after is None:
        raise SequenceError("There is nothing to redo.", code="nothing_to_redo")
    _bring_back(draft, after.steps)
    _next_revision(draft)
    _keep(draft, f"did again: {after.undoes}", undoes=after.undoes, undo_to=after.undo_to, redo_to=after.redo_to)
    return after.undoes


def rows_of(draft: Version) -> list[Row]:
    """Return the draft's steps as plain values, by lane and position."""
    return [
        {name: _plain(getattr(step, name)) for name in _kept()} for step in draft.steps.order_by("lane", "position")
    ]


def write_rows(draft: Version, wanted: Mapping[str, Step]) -> None:
    """Make `wanted`, by key, the draft's only steps, and touch only the rows that differ."""
    present = {step.key: step for step in draft.steps.all()}
    draft.steps.filter(key__in=set(present) - set(wanted)).delete()
    names = [name for name in _kept() if name != "key"]
    differing: list[Step] = []
    for key, step in present.items():
        new = wanted.get(key)
        if new is None:
            continue
        new.pk = step.pk
        if any(getattr(step, name) != getattr(new, name) for name in names):
            differing.append(new)
    Step.objects.bulk_update(differing, [name.removesuffix("_id") for name in names])
    Step.objects.bulk_create(step for key, step in wanted.items() if key not in present)


def _bring_back(draft: Version, rows: Iterable[Row]) -> None:
    """Write kept rows again.  A template or a test that is gone since leaves its place empty."""
    kept = list(rows)
    ids = {row["template_version_id"] for row in kept} - {None}
    there = set(TemplateVersion.objects.filter(pk__in=ids).values_list("pk", flat=True))
    asked = {row["experiment_id"] for row in kept if row.get("experiment_id")}
    tests = set(Experiment.objects.filter(pk__in=asked).values_list("pk", flat=True))
    steps: dict[str, Step] = {}
    for row in kept:
        step = Step(version=draft, **{name: _read(name, value) for name, value in row.items() if name in _kept()})
        if step.template_version_id not in there:
            step.template_version_id = None
        if step.experiment_id not in tests:
            step.experiment_id = None
        steps[step.key] = step
    write_rows(draft, steps)


def _kept() -> list[str]:
    names = (field.attname for field in Step._meta.concrete_fields)
    return [name for name in names if name not in NOT_KEPT]


def _plain(value: Any) -> Any:
    return duration_iso_string(value) if isinstance(value, timedelta) else value


def _read(name: str, value: Any) -> Any:
    field = Step._meta.get_field(name.removesuffix("_id"))
    return field.to_python(value) if isinstance(field, DurationField) else value


def _last(draft: Version) -> DraftEdit | None:
    return draft.edits.order_by("-revision").first()


def _at(draft: Version, revision: int | None) -> DraftEdit | None:
    return None if revision is None else draft.edits.filter(revision=revision).first()


def _next_revision(draft: Version) -> None:
    draft.revision += 1
    draft.save(update_fields=["revision"])


def _keep(draft: Version, what: str, *, undoes: str, undo_to: int | None, redo_to: int | None = None) -> None:
    """Keep the steps as they are now, and forget what lies too far back."""
    DraftEdit.objects.create(
        version=draft,
        revision=draft.revision,
        steps=rows_of(draft),
        what=what[:200],
        undoes=undoes[:200],
        actor=current_actor(),
        undo_to=undo_to,
        redo_to=redo_to,
        at=clock.now(),
    )
    draft.edits.filter(revision__lte=draft.revision - KEPT).delete()
