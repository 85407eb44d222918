"""The way through the steps of one version, as pure logic: lanes that rejoin, and what is next.

A contact *stands on* a step: on a wait until it is over, on an email until the message is accepted.  A step is left at its
own moment (the end of a wait, the acceptance), however late the engine comes, so that lateness never adds up.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sequences.kinds import Settings
from sequences.kinds.events import Goal
from sequences.kinds.flow import Email, Jump
from sequences.kinds.flow import Exit as ExitStep
from sequences.kinds.waits import Pause
from sequences.models import ROOT_LANE


@dataclass(frozen=True, slots=True)
class Node:
    """One step and its ways out; a key of None is the end.  `number` is its place in the document's order.

    An email with an `experiment_id` is sent in the versions of that test.
    """

    key: str
    settings: Settings
    lane: str = ROOT_LANE
    mailing_id: int | None = None
    experiment_id: int | None = None
    number: int = field(default=0, compare=False)
    next_key: str | None = field(default=None, compare=False)
    lanes: Mapping[str, str | None] = field(default_factory=dict, compare=False)

    def due_at(self, entered_at: datetime) -> datetime:
        """Return when someone who came at `entered_at` must be looked at: at once, unless it is a wait for everybody alike."""
        return entered_at + self.settings.duration if isinstance(self.settings, Pause) else entered_at

    def exits(self) -> tuple[str | None, ...]:
        """Return every step that can be the next."""
        match self.settings:
            case Goal(match=None) | ExitStep():
                return ()
            case Jump(to):
                return (to,)
        return tuple(self.lanes.values()) or (self.next_key,)


def lane_of(key: str, outcome: str) -> str:
    """Return the name of the lane that a step has for an outcome."""
    return f"{key}.{outcome}"


class Graph:
    """The steps of a version.  `nodes` come in the order of their lanes and positions; lanes without steps are empty."""

    def __init__(self, nodes: Iterable[Node], outcomes: Mapping[str, tuple[str, ...]] | None = None) -> None:
        by_lane: dict[str, list[Node]] = defaultdict(list)
        for node in nodes:
            by_lane[node.lane].append(node)
        self._nodes: dict[str, Node] = {}
        self._outcomes = outcomes or {}
        self._place(ROOT_LANE, by_lane, None)

    def __getitem__(self, key: str) -> Node:
        return self._nodes[key]

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, key: str) -> Node | None:
        """Return the step with the key, if the version has one."""
        return self._nodes.get(key)

    @property
    def first(self) -> Node | None:
        """The step at which contacts enter; None if there are no steps."""
        return next(iter(self._nodes.values()), None)

    def following(self, key: str) -> Node | None:
        """Return the step that comes after an email or a wait; None at the end."""
        next_key = self._nodes[key].next_key
        return None if next_key is None else self._nodes[next_key]

    def _place(self, lane: str, by_lane: Mapping[str, list[Node]], rejoin: str | None) -> None:
        nodes = by_lane.get(lane, [])
        for place, node in enumerate(nodes):
            next_key = nodes[place + 1].key if place + 1 < len(nodes) else rejoin
            outcomes = self._outcomes.get(node.key, ())
            firsts = {outcome: by_lane.get(lane_of(node.key, outcome), []) for outcome in outcomes}
            lanes = {outcome: inside[0].key if inside else next_key for outcome, inside in firsts.items()}
            self._nodes[node.key] = replace(node, number=len(self._nodes), next_key=next_key, lanes=lanes)
            for outcome in outcomes:
                self._place(lane_of(node.key, outcome), by_lane, next_key)


def is_email(node: Node) -> bool:
    """Tell whether the step sends something."""
    return isinstance(node.settings, Email)
