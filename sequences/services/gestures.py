"""What one gesture in the builder does: one change of the draft, at the revision that the page showed.

Each raises StaleDraftError when somebody has changed the draft since, SequenceError when it can't be changed, and StepError
for what can't be.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Items
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from core.bus import announce
from sequences import selectors
from sequences.events import DraftChanging
from sequences.exceptions import StepError
from sequences.graph import lane_of
from sequences.models import ROOT_LANE, Sequence, Step, Version
from sequences.services import drafts, history, trees


@dataclass(frozen=True, slots=True)
class Edited:
    """What a gesture did, for people, and the step to look at next, if there is one."""

    what: str
    key: str = ""


@contextmanager
def gesture(sequence: Sequence, *, revision: int | None, actor: str, keeps_steps: bool = False) -> Iterator[Version]:
    """Hold the draft at a revision while one gesture changes it, in one transaction."""
    with transaction.atomic():
        announce(DraftChanging(sequence.workspace_id, sequence.pk, actor, keeps_steps))
        draft = drafts.lock_draft(sequence)
        history.require_revision(draft, revision)
        history.begin(draft)
        yield draft


def place_step(
    sequence: Sequence,
    *,
    kind: str,
    fields: Mapping[str, Any],
    lane: str,
    position: int,
    revision: int | None = None,
    actor: str = "",
) -> Edited:
    """Put a new step at a place of a lane."""
    with gesture(sequence, revision=revision, actor=actor):
        step = drafts.add_step(sequence, kind=kind, lane=lane, position=position, **fields)
    return Edited(f"Added {drafts.named(step)}", step.key)


def drag_step(
    sequence: Sequence, *, key: str, lane: str, position: int, revision: int | None = None, actor: str = ""
) -> Edited:
    """Move a step with its lanes to a place of a lane; places count the steps as they stand now."""
    with gesture(sequence, revision=revision, actor=actor):
        step = trees.move_step(sequence, key=key, lane=lane, position=position)
    return Edited(f"Moved {drafts.named(step)}", key)


def shift_step(sequence: Sequence, *, key: str, by: int, revision: int | None = None, actor: str = "") -> Edited:
    """Move a step one place on (1) or back (-1), into lanes and out of them."""
    with gesture(sequence, revision=revision, actor=actor):
        step = trees.nudge_step(sequence, key=key, by=by)
    return Edited(f"Moved {drafts.named(step)}", key)


def delete_step(sequence: Sequence, *, key: str, revision: int | None = None, actor: str = "") -> Edited:
    """Take a step out, with the steps in its lanes."""
    with gesture(sequence, revision=revision, actor=actor) as draft:
        step = step_of(draft, key)
        before = draft.steps.count()
        drafts.remove_step(step)
        more = before - draft.steps.count() - 1
    along = f" and {more} step{'s' * (more != 1)} in its lanes" if more else ""
    return Edited(f"Removed {drafts.named(step)}{along}")


def change_step(
    sequence: Sequence,
    *,
    key: str,
    changes: Mapping[str, Any],
    lane_names: Mapping[str, str] | None = None,
    revision: int | None = None,
    actor: str = "",
) -> Edited:
    """Give a step other settings; `changes` replace all of them, but for an email's.

    `lane_names` gives lanes another name (old to new), and their steps go with them.
    """
    with gesture(sequence, revision=revision, actor=actor) as draft:
        step = step_of(draft, key)
        if lane_names:
            _rename_lanes(draft, key, lane_names)
        drafts.update_step(step, replace=True, **changes)
    return Edited(f"Saved {drafts.named(step)}", key)


def paste_steps(
    sequence: Sequence,
    *,
    steps: Items[Mapping[str, Any]],
    lane: str = ROOT_LANE,
    position: int = 0,
    revision: int | None = None,
    actor: str = "",
) -> Edited:
    """Put steps of a document at a place of a lane, under keys of their own."""
    if not steps:
        raise StepError("There is nothing to paste.")
    with gesture(sequence, revision=revision, actor=actor):
        made = trees.insert_steps(sequence, steps=steps, lane=lane, position=position)
    return Edited(f"Added {len(made)} step{'s' * (len(made) != 1)}", made[0].key)


def empty_lane(sequence: Sequence, *, lane: str, revision: int | None = None, actor: str = "") -> Edited:
    """Take all steps out of a lane."""
    with gesture(sequence, revision=revision, actor=actor):
        gone = trees.clear_lane(sequence, lane=lane)
    return Edited(f"Removed {gone} step{'s' * (gone != 1)}")


def replace_draft(
    sequence: Sequence, *, steps: Items[Mapping[str, Any]], revision: int | None = None, actor: str = ""
) -> Edited:
    """Make a document the draft's only steps."""
    with gesture(sequence, revision=revision, actor=actor):
        made = drafts.replace_steps(sequence, steps=steps)
    return Edited(f"The sequence has {len(made)} step{'s' * (len(made) != 1)} now")


def check_document(sequence: Sequence, *, steps: Items[Mapping[str, Any]], revision: int | None = None) -> None:
    """Raise what `replace_draft` would raise; nothing is changed."""
    with transaction.atomic():
        replace_draft(sequence, steps=steps, revision=revision)
        transaction.set_rollback(True)


def undo(sequence: Sequence, *, revision: int | None = None, actor: str = "") -> Edited:
    """Take back the last edit."""
    with gesture(sequence, revision=revision, actor=actor) as draft:
        return Edited(f"Took back: {history.undo_edit(draft)}")


def redo(sequence: Sequence, *, revision: int | None = None, actor: str = "") -> Edited:
    """Do again what was taken back last."""
    with gesture(sequence, revision=revision, actor=actor) as draft:
        return Edited(f"Did again: {history.redo_edit(draft)}")


def step_of(draft: Version, key: str) -> Step:
    """Return a step of the draft.  Raises StepError when it is gone."""
    step = selectors.steps_of(draft).filter(key=key).first()
    if step is None:
        raise StepError("The step is gone.", code="stale")
    step.version = draft
    return step


def _rename_lanes(draft: Version, key: str, names: Mapping[str, str]) -> None:
    """Bring the steps of lanes that get another name along, all in one statement so that two may swap."""
    wanted = {lane_of(key, old): lane_of(key, new) for old, new in names.items() if old != new}
    steps = list(draft.steps.filter(lane__in=wanted))
    for step in steps:
        step.lane = wanted[step.lane]
    Step.objects.bulk_update(steps, ["lane"])
