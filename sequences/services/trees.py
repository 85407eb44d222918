"""Moving steps with all that hangs below them, and putting whole pieces of a document into a draft."""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Items
from typing import Any

from django.conf import settings
from django.db import transaction

from sequences import kinds
from sequences.document import new_key, placed
from sequences.exceptions import StepError
from sequences.graph import lane_of
from sequences.models import ROOT_LANE, Sequence, Step
from sequences.services import drafts, history, planning

Place = tuple[str, int]


@transaction.atomic
def move_step(sequence: Sequence, *, key: str, lane: str, position: int) -> Step:
    """Move a step of the draft, with its lanes, to a place of a lane; places count the steps as they stand now.

    Raises StepError for a place that isn't there or lies within the step itself.
    """
    draft = drafts.lock_draft(sequence)
    steps = list(draft.steps.all())
    step = _step(steps, key)
    if lane not in drafts.lanes_of(steps):
        raise StepError("The lane is gone.", code="stale")
    if lane in _lanes_below(steps, step):
        raise StepError("A step can't be moved into its own lanes.")
    if _deepest(steps, step) + _depth(steps, lane) > settings.MAX_SEQUENCE_NESTING:
        raise StepError("Branches would be nested too deep there.")
    target = [other for other in _lane(steps, lane) if other.key != key]
    at = position - 1 if step.lane == lane and position > step.position else position
    at = max(0, min(at, len(target)))
    left = [other for other in _lane(steps, step.lane) if other.key != key]
    if step.lane != lane:
        drafts.renumber(left)
        step.lane = lane
    drafts.renumber([*target[:at], step, *target[at:]], moved=step)
    history.note_edit(draft, f"moved {drafts.named(step)}")
    return step


@transaction.atomic
def nudge_step(sequence: Sequence, *, key: str, by: int) -> Step:
    """Move a step to the next place before (-1) or after (1) it in the order of the document, into and out of lanes.

    Raises StepError at either end.
    """
    draft = drafts.lock_draft(sequence)
    steps = list(draft.steps.all())
    step = _step(steps, key)
    places = list(_places(steps, ROOT_LANE, without=key))
    at = places.index((step.lane, step.position)) + by
    if not 0 <= at < len(places):
        raise StepError("It is at the start already." if by < 0 else "It is at the end already.", code="at_the_end")
    lane, position = places[at]
    same_lane_later = lane == step.lane and position > step.position
    return move_step(sequence, key=key, lane=lane, position=position + same_lane_later)


@transaction.atomic
def insert_steps(
    sequence: Sequence, *, steps: Items[Mapping[str, Any]], lane: str = ROOT_LANE, position: int = 0
) -> list[Step]:
    """Put a document's steps into a lane of the draft, under new keys; what they say of each other stays true.

    Raises StepError.
    """
    draft = drafts.lock_draft(sequence)
    present = list(draft.steps.all())
    if lane not in drafts.lanes_of(present):
        raise StepError("The lane is gone.", code="stale")
    given = placed(steps, deepest=settings.MAX_SEQUENCE_NESTING - _depth(present, lane))
    drafts.require_room(len(present) + len(given))
    made = drafts.made_of(draft, sequence.workspace_id, given)
    planning.make_tests(sequence, given, made)
    _rename_keys(made, {step.key for step in present})
    tops = [step for step in made if step.lane == ROOT_LANE]
    for step in tops:
        step.lane = lane
    row = _lane(present, lane)
    at = max(0, min(position, len(row)))
    for place, step in enumerate(tops):
        step.position = len(row) + place
    Step.objects.bulk_create(made)
    drafts.renumber([*row[:at], *tops, *row[at:]])
    history.note_edit(draft, f"added {drafts.named(tops[0])}" if len(made) == 1 else f"added {len(made)} steps")
    return made


@transaction.atomic
def clear_lane(sequence: Sequence, *, lane: str) -> int:
    """Take all steps out of a lane and return how many went, with those below them."""
    draft = drafts.lock_draft(sequence)
    before = draft.steps.count()
    draft.steps.filter(lane=lane).delete()
    drafts.drop_lost_lanes(draft)
    gone = before - draft.steps.count()
    history.note_edit(draft, f"removed {gone} step{'s' * (gone != 1)}")
    return gone


def _rename_keys(made: Items[Step], taken: set[str]) -> None:
    """Give every step a new key where its own is taken, and follow the keys in lanes and settings."""
    renamed = {step.key: new_key() for step in made if step.key in taken}
    for step in made:
        step.key = renamed.get(step.key, step.key)
        owner, dot, outcome = step.lane.partition(".")
        if dot and owner in renamed:
            step.lane = lane_of(renamed[owner], outcome)
        for name in ("step", "to"):
            if step.config.get(name) in renamed:
                step.config[name] = renamed[step.config[name]]


def _step(steps: Items[Step], key: str) -> Step:
    found = next((step for step in steps if step.key == key), None)
    if found is None:
        raise StepError("The step is gone.", code="stale")
    return found


def _lane(steps: Items[Step], lane: str) -> list[Step]:
    return sorted((step for step in steps if step.lane == lane), key=lambda step: step.position)


def _outcomes(step: Step) -> list[str]:
    return [lane_of(step.key, outcome) for outcome in kinds.lanes_of(step.kind, step.config)]


def _lanes_below(steps: Items[Step], step: Step) -> set[str]:
    found: set[str] = set()
    for lane in _outcomes(step):
        found |= {lane}.union(*(_lanes_below(steps, inside) for inside in _lane(steps, lane)))
    return found


def _depth(steps: Items[Step], lane: str) -> int:
    """Return how many lanes stand above the steps of a lane."""
    owner = lane.partition(".")[0]
    return 0 if lane == ROOT_LANE else 1 + _depth(steps, _step(steps, owner).lane)


def _deepest(steps: Items[Step], step: Step) -> int:
    """Return how many levels of filled lanes hang below a step."""
    inside = [other for lane in _outcomes(step) for other in _lane(steps, lane)]
    return 1 + max(_deepest(steps, other) for other in inside) if inside else 0


def _places(steps: Items[Step], lane: str, *, without: str) -> Iterator[Place]:
    """Yield every place of the document in order, as if the step were lifted out."""
    at = 0
    for step in _lane(steps, lane):
        if step.key == without:
            continue
        yield lane, at
        for inner in _outcomes(step):
            yield from _places(steps, inner, without=without)
        at += 1
    yield lane, at
