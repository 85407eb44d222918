"""The steps as the builder's templates draw them: cards in lanes, with what is to be said about each."""

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from django.conf import settings

from sequences import forms, kinds, selectors, services
from sequences.graph import lane_of
from sequences.models import ROOT_LANE, Sequence, Step, StepKind, Version
from sequences.structure import Problem
from sequences.words import LANES

# Whether an outcome is good or bad news.
TONES = {"yes": "yes", "happened": "yes", "no": "no", "timeout": "no"}
ENDS = frozenset({StepKind.EXIT, StepKind.JUMP})


@dataclass(slots=True)
class Lane:
    """A lane as drawn; `ends` tells that nobody comes out at its end."""

    name: str
    label: str
    tone: str
    place: str
    share: int | None = None
    cards: "list[Card]" = field(default_factory=list)
    ends: bool = False
    # Whether the line under the lanes, where they rejoin, passes its left and its right half.
    joins_left: bool = False
    joins_right: bool = False

    @property
    def width(self) -> int:
        """How many cards stand side by side in it."""
        return max((sum(lane.width for lane in card.lanes) for card in self.cards), default=1) or 1


@dataclass(slots=True)
class Card:
    """A step as drawn."""

    key: str
    number: int
    sort: type[forms.StepForm]
    title: str
    is_email: bool
    errors: list[Problem]
    warnings: list[Problem]
    comments: int
    # What else is to be said: an icon and a few words each.
    marks: list[tuple[str, str]] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)

    ends: bool = False


@dataclass(frozen=True, slots=True)
class Canvas:
    """The whole of it."""

    root: Lane
    count: int
    most: int
    errors: int
    warnings: int


def draw(sequence: Sequence, steps: Items[Step]) -> Canvas:
    """Return the steps (in the order of the document) as a tree of cards."""
    around = forms.around(sequence, steps)
    findings = services.findings_of(sequence.workspace_id, steps)
    brush = _Brush(
        around=around,
        by_lane=_by_lane(steps),
        errors=_by_key(findings.errors),
        warnings=_by_key(findings.warnings),
        comments=selectors.open_comments(sequence),
    )
    root = brush.lane(ROOT_LANE, "Main path", "", "the main path")
    return Canvas(root, len(steps), settings.MAX_SEQUENCE_STEPS, len(findings.errors), len(findings.warnings))


@dataclass(frozen=True, slots=True)
class _Brush:
    around: forms.Around
    by_lane: Mapping[str, list[Step]]
    errors: Mapping[str, list[Problem]]
    warnings: Mapping[str, list[Problem]]
    comments: Mapping[str, int]

    def lane(self, name: str, label: str, tone: str, place: str, share: int | None = None) -> Lane:
        cards = [self.card(step) for step in self.by_lane.get(name, ())]
        return Lane(name, label, tone, place, share, cards, ends=bool(cards) and _ends(cards[-1]))

    def card(self, step: Step) -> Card:
        number, title = self.around.numbers[step.key], self.around.title_of(step, self.around)
        sort = forms.sort_of(step)
        card = Card(
            key=step.key,
            number=number,
            sort=sort,
            marks=sort.marks(step),
            title=title,
            is_email=step.kind == StepKind.EMAIL,
            errors=self.errors.get(step.key, []),
            warnings=self.warnings.get(step.key, []),
            comments=self.comments.get(step.key, 0),
            ends=step.kind in ENDS or (step.kind == StepKind.GOAL and not step.config.get("event")),
        )
        shares: dict[str, Any] = step.config.get("shares", {}) if step.kind == StepKind.SPLIT else {}
        for outcome in kinds.lanes_of(step.kind, step.config):
            label = LANES.get(outcome, outcome.replace("_", " ").capitalize())
            tone = TONES.get(outcome, "mute")
            place = f"{label.lower()} of step {number}"
            card.lanes.append(self.lane(lane_of(step.key, outcome), label, tone, place, shares.get(outcome)))
        _join(card.lanes)
        return card


def _join(lanes: Items[Lane]) -> None:
    """Draw the line from the lanes that somebody comes out of to the middle, below which the way goes on."""
    starts = [0, *accumulate(lane.width for lane in lanes)]
    centres = [start + lane.width / 2 for start, lane in zip(starts, lanes, strict=False)]
    out = [centre for centre, lane in zip(centres, lanes, strict=True) if not lane.ends]
    if not out:
        return
    low, high = min(*out, starts[-1] / 2), max(*out, starts[-1] / 2)
    for start, centre, lane in zip(starts, centres, lanes, strict=False):
        lane.joins_left = low < centre and high > start
        lane.joins_right = low < start + lane.width and high > centre


def _ends(card: Card) -> bool:
    """Tell whether nobody goes on behind the card: the way ends, or leads elsewhere."""
    return card.ends or (bool(card.lanes) and all(lane.ends for lane in card.lanes))


def _by_lane(steps: Items[Step]) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        found[step.lane].append(step)
    return found


def _by_key(problems: Items[Problem]) -> dict[str, list[Problem]]:
    found: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        found[problem.key].append(problem)
    return found


def version_shown(sequence: Sequence) -> tuple[Version | None, list[Step]]:
    """Return the draft, or what is live without one, and its steps in order."""
    version = selectors.edited_version(sequence)
    return version, selectors.steps_in_order(version) if version else []
