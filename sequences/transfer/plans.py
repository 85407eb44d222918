"""Where people stand after the steps were changed, as pure logic: for each step of an old version, what becomes of who is in it.

    the step is still there                 they stay in it, wherever it stands now
    a wait of a plain duration is longer    it counts from when they came, as if it always had been so
      or shorter
    it waits for something else             they are looked at again, from when they came
    it is gone                              they serve what remains of the wait, then go on at what comes next
    it is another kind of step              the same, and they meet the new one in its place

*What comes next* of a step that is gone is the next step of its lane that is left, or what was put before that in its place.  Where
nothing of the lane is left behind it, it is what stands behind the last step before it that is left; then what comes after the
lane.  A lane that is gone with its branch sends its people to its next step that is left anywhere; else behind the branch.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from sequences.graph import Graph, Node, is_email
from sequences.kinds import Settings
from sequences.kinds.branches import EngagementBranch
from sequences.kinds.events import WaitFor
from sequences.kinds.flow import Email, Jump
from sequences.kinds.waits import CalendarPause, Pause, UntilDate, UntilWeekday
from sequences.models import ROOT_LANE

NO_TIME = timedelta()
# Steps at which people stand for a time; at all others (but emails) only until the engine comes.
TIMED = (Pause, CalendarPause, UntilWeekday, UntilDate, WaitFor, EngagementBranch)


class Fate(IntEnum):
    """What becomes of who stands at a step."""

    STAY = 0
    """Nothing changes for them."""
    WAIT = 1
    """Their wait has another length."""
    LOOK = 2
    """What they wait for is another thing; the engine looks at them anew."""
    LEAVE = 3
    """The step is gone: they serve the rest of the wait and go on elsewhere."""
    END = 4
    """The step is gone, and nothing comes after it: their way is complete."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What becomes of who stands at the step `key`; `to` is where they stand afterwards.

    `wait` is the plain wait there.  `ends` says that the email at which they wait for the acceptance is the last one now: its
    people are complete, as whoever is sent a last email is.
    """

    key: str
    fate: Fate
    to: str
    wait: timedelta = NO_TIME
    ends: bool = False


def passages(old: Graph, new: Graph) -> dict[str, Passage]:
    """Return the passage of everybody who stands in the old version, by the step's key."""
    places = _Places(old, new)
    return {node.key: _passage(node, places, new) for node in old}


def ahead(graph: Graph, key: str) -> set[str]:
    """Return the steps that somebody at the step can still reach in this round (a jump back begins another), itself included."""
    reached, open_ = {key}, [key]
    while open_:
        node = graph[open_.pop()]
        for following in node.exits():
            if following is None or following in reached:
                continue
            if isinstance(node.settings, Jump) and graph[following].number <= node.number:
                continue
            reached.add(following)
            open_.append(following)
    return reached


def _passage(node: Node, places: "_Places", new: Graph) -> Passage:
    there = new.get(node.key)
    if there is not None and _stays(node.settings, there.settings):
        return _kept(node, there)
    landing = there.key if there is not None else places.after(node)
    if landing is None:
        return Passage(node.key, Fate.END, node.key)
    return Passage(node.key, Fate.LEAVE, landing, _wait_of(new[landing]))


def _stays(old: Settings, new: Settings) -> bool:
    """Whether people stay in the step that has the key now: both keep them for a time, or both are emails, or it kept nobody."""
    if isinstance(old, TIMED):
        return isinstance(new, TIMED)
    return not isinstance(old, Email) or isinstance(new, Email)


def _kept(node: Node, there: Node) -> Passage:
    if isinstance(node.settings, Email):
        return Passage(node.key, Fate.STAY, node.key, ends=there.next_key is None and node.next_key is not None)
    if node.settings == there.settings:
        return Passage(node.key, Fate.STAY, node.key)
    if isinstance(node.settings, Pause) and isinstance(there.settings, Pause):
        return Passage(node.key, Fate.WAIT, node.key, there.settings.duration)
    return Passage(node.key, Fate.LOOK, node.key)


def _wait_of(node: Node) -> timedelta:
    return node.settings.duration if isinstance(node.settings, Pause) else NO_TIME


class _Places:
    """The lanes of both versions side by side."""

    def __init__(self, old: Graph, new: Graph) -> None:
        self._old_graph, self._new_graph = old, new
        self._old, self._new = _lanes(old), _lanes(new)
        self._known = {ROOT_LANE} | {f"{node.key}.{outcome}" for node in new for outcome in node.lanes}

    def after(self, gone: Node) -> str | None:
        """Return the step at which somebody goes on from a step that is gone; None at the end."""
        node: Node | None = gone
        while node is not None:
            landing = self._in_lane(node)
            if landing is not None:
                return landing
            owner = node.lane.rpartition(".")[0] if node.lane != ROOT_LANE else ""
            node = self._old_graph.get(owner)
            # Whoever comes out of a lane of a branch that is still there goes on behind the branch, wherever it stands now.
            if node is not None and (there := self._new_graph.get(node.key)) is not None and there.lanes:
                return there.next_key
        return None

    def _in_lane(self, node: Node) -> str | None:
        keys = self._old.get(node.lane, [])
        place = keys.index(node.key)
        behind = keys[place + 1 :]
        if node.lane not in self._known:
            return next((key for key in behind if self._new_graph.get(key)), None)
        now = self._new.get(node.lane, [])
        for key in behind:
            if key in now:
                at = now.index(key)
                while at and self._old_graph.get(now[at - 1]) is None:
                    at -= 1
                return now[at]
        before = [now.index(key) for key in keys[: place + 1] if key in now]
        rest = now[max(before) + 1 :] if before else now
        return rest[0] if rest else None


def _lanes(graph: Graph) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for node in graph:
        found[node.lane].append(node.key)
    return found


def sent_again(old: Graph, new: Graph, passage: Passage) -> set[str]:
    """Return the emails ahead of somebody in the new version that may have been sent to them on the old way to the step."""
    if passage.fate is Fate.END:
        return set()
    coming = {key for key in ahead(new, passage.to) if is_email(new[key])}
    coming.discard(passage.key if passage.fate is Fate.STAY else "")
    return {key for key in coming if (email := old.get(key)) is not None and passage.key in ahead(old, email.key)}
