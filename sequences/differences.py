"""What changed between two versions of a sequence, step by step, as pure logic over their documents."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from sequences.document import Placed, placed
from sequences.models import StepKind

# What is compared was written under the limits of its own time.
ANY_DEPTH = 1000
# What an email that carries its own content leaves empty, and other defaults, are no difference.
EMPTY: tuple[object, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One setting of a step; None where it isn't set."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class StepChange:
    """One step of either version: what it is called, where it stands (stood, if it was removed), and what differs in it."""

    key: str
    kind: str
    title: str
    lane: str
    place: str
    place_before: str = ""
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """The steps that differ, each list in the order of the document; a step that moved and changed is in both lists."""

    added: list[StepChange] = field(default_factory=list)
    removed: list[StepChange] = field(default_factory=list)
    moved: list[StepChange] = field(default_factory=list)
    changed: list[StepChange] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether the two versions are the same."""
        return not (self.added or self.removed or self.moved or self.changed)

    @property
    def summary(self) -> str:
        """The numbers in words: "1 added, 2 changed"."""
        counts = {"added": self.added, "removed": self.removed, "moved": self.moved, "changed": self.changed}
        return ", ".join(f"{len(steps)} {word}" for word, steps in counts.items() if steps) or "nothing changed"


def compare(
    before: Items[Mapping[str, Any]], after: Items[Mapping[str, Any]], *, labels: Mapping[str, str] | None = None
) -> VersionDiff:
    """Return what differs between two documents; steps are the same when their keys are.  `labels` are titles by key."""
    known = labels or {}
    old = {step.key: step for step in placed(before, deepest=ANY_DEPTH)}
    new = {step.key: step for step in placed(after, deepest=ANY_DEPTH)}
    moved = _moved(old, new)

    def told(step: Placed, was: Placed | None = None, fields: tuple[FieldChange, ...] = ()) -> StepChange:
        title = known.get(step.key) or StepKind(step.kind).label
        return StepChange(step.key, step.kind, title, step.lane, step.label, was.label if was else "", fields)

    return VersionDiff(
        added=[told(step) for key, step in new.items() if key not in old],
        removed=[told(step) for key, step in old.items() if key not in new],
        moved=[told(step, old[key]) for key, step in new.items() if key in moved],
        changed=[
            told(step, old[key], fields)
            for key, step in new.items()
            if key in old and (fields := _changes(old[key], step))
        ],
    )


def _changes(old: Placed, new: Placed) -> tuple[FieldChange, ...]:
    before = {"kind": old.kind, **old.fields, "experiment": old.experiment}
    after = {"kind": new.kind, **new.fields, "experiment": new.experiment}
    names = dict.fromkeys([*before, *after])
    return tuple(
        FieldChange(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name) and not (before.get(name) in EMPTY and after.get(name) in EMPTY)
    )


def _moved(old: Mapping[str, Placed], new: Mapping[str, Placed]) -> set[str]:
    """Return the steps that are in another lane now, and the fewest whose moving explains the order in the others."""
    common = [key for key in new if key in old]
    moved = {key for key in common if old[key].lane != new[key].lane}
    stayed = [key for key in common if key not in moved]
    before, after = _by_lane(old, stayed), _by_lane(new, stayed)
    for lane, keys in after.items():
        blocks = SequenceMatcher(None, before[lane], keys, autojunk=False).get_matching_blocks()
        in_order = {key for block in blocks for key in keys[block.b : block.b + block.size]}
        moved |= set(keys) - in_order
    return moved


def _by_lane(steps: Mapping[str, Placed], wanted: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key in wanted:
        found[steps[key].lane].append(key)
    for keys in found.values():
        keys.sort(key=lambda key: steps[key].position)
    return found
