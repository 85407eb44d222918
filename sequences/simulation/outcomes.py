"""Which lane is taken where nobody can know: chosen, drawn by a seed, or the usual one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from core.exceptions import InvalidInput
from sequences.graph import Graph
from sequences.simulation.story import Basis

SOON = timedelta(hours=1)
# Which part of the people does what, where nothing else is known: for samples alone.
SHARES = {"yes": 30, "no": 65, "undelivered": 5, "happened": 40, "timeout": 60}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """`chosen` maps a step's key (or "key:round") to a lane; without a `seed` the rest is what usually happens."""

    chosen: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    reacts_after: timedelta = SOON

    def pick(
        self,
        key: str,
        rotation: int,
        lanes: Sequence[str],
        *,
        usual: str,
        known: bool,
        shares: Mapping[str, int] | None = None,
    ) -> tuple[str, Basis]:
        """Return a lane of `lanes` and why: the chosen one, else `usual` if that is known, else a drawn one."""
        chosen = self.chosen.get(f"{key}:{rotation}") or self.chosen.get(key, "")
        if chosen in lanes:
            return chosen, Basis.CHOSEN
        if known:
            return usual, Basis.KNOWN
        if self.seed is None:
            return usual, Basis.ASSUMED
        weights = [(shares or SHARES).get(lane, 50) for lane in lanes]
        return self._random(key, rotation, "lane").choices(list(lanes), weights)[0], Basis.SAMPLED

    def reaction(self, key: str, rotation: int, longest: timedelta) -> timedelta:
        """Return how long somebody takes who reacts, at most `longest`: drawn (early rather than late) or `reacts_after`."""
        if self.seed is None:
            return min(self.reacts_after, longest)
        seconds = longest.total_seconds() * self._random(key, rotation, "reaction").random() ** 3
        return timedelta(seconds=int(seconds))

    def _random(self, key: str, rotation: int, what: str) -> Random:
        # A draw of its own for each stage, so that choosing one lane changes no other draw.
        return Random(f"{self.seed}:{key}:{rotation}:{what}")  # noqa: S311 - a simulation


def checked_outcomes(
    graph: Graph, given: object, versions: Mapping[str, Collection[str]] | None = None
) -> dict[str, str]:
    """Return chosen outcomes of a version's steps; `versions` are those of emails under test.  Raises InvalidInput for a step or lane that isn't there."""
    if not isinstance(given, Mapping):
        raise InvalidInput("Outcomes are an object.", fields={"outcomes": ["This must be an object."]})
    found: dict[str, str] = {}
    for name, lane in given.items():
        key, _, rotation = str(name).partition(":")
        node = graph.get(key)
        if node is None or (rotation and not rotation.isdecimal()):
            raise _refused(name, "There is no such step.")
        letters = (versions or {}).get(key, ())
        if lane not in (letters or node.lanes):
            if letters:
                raise _refused(name, f"Its versions are {', '.join(letters)}.")
            lanes = ", ".join(node.lanes)
            raise _refused(name, f"Its lanes are {lanes}." if lanes else "It has no lanes.")
        found[str(name)] = str(lane)
    return found


def _refused(name: object, message: str) -> InvalidInput:
    return InvalidInput(f"{name}: {message}", fields={f"outcomes.{name}": [message]})
