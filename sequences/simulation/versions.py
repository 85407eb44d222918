"""Which version of an email under test somebody gets, and at what hour: what is known of it, and what is chosen or drawn."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from abtests import selectors as tests
from abtests import services as abtests
from abtests.models import Experiment, Variant
from sequences.engine.versions import LATEST
from sequences.kinds.waits import day_of_slot, on_the_wall
from sequences.models import Step
from sequences.simulation.outcomes import Outcomes
from sequences.simulation.story import Basis, Route


@dataclass(frozen=True, slots=True)
class Tested:
    """The test of an email with its versions by letter, the control first."""

    experiment: Experiment
    versions: dict[str, Variant]

    def route(self, contact_id: int, key: str, rotation: int, outcomes: Outcomes) -> Route:
        """Return which version a contact (0: somebody made up) gets; a lane is a version's letter."""
        foretold = abtests.foretell(self.experiment, contact_id=contact_id)
        letters = tuple(self.versions)
        usual = letters[foretold.place]
        shares = dict.fromkeys(letters, 1)
        letter, basis = outcomes.pick(key, rotation, letters, usual=usual, known=foretold.is_known, shares=shares)
        options = tuple((each, _label(each, variant)) for each, variant in self.versions.items())
        words = f"{self.experiment.name}: {_label(letter, self.versions[letter])}."
        if letter == usual:
            words += f" {foretold.sentence}"
        return Route(letter, basis, words, options)

    def goes_at(self, letter: str, entered_at: datetime, now: datetime, zone: ZoneInfo) -> datetime:
        """Return when a version leaves that is looked at `now`, as `sequences.engine.versions` has it: at its hour, if it has one."""
        at = self.versions[letter].send_at
        if at is None:
            return now
        latest = now - LATEST
        if self.experiment.state in (Experiment.State.DECIDED, Experiment.State.STOPPED):
            since = max(entered_at, latest, self.experiment.decided_at or entered_at)
            return max(on_the_wall(day_of_slot(since, at, zone), at, zone), now)
        hours = [variant.send_at for variant in self.versions.values() if variant.send_at is not None]
        goes_at = on_the_wall(day_of_slot(entered_at, min(hours), zone), at, zone)
        if goes_at < latest:
            goes_at = on_the_wall(day_of_slot(latest, at, zone), at, zone)
        return max(goes_at, now)


def tested_emails(steps: Iterable[Step]) -> dict[str, Tested]:
    """Return the tests of a version's emails by the keys of their steps."""
    found = {}
    for step in steps:
        if step.experiment is not None and (variants := tests.variants_of(step.experiment)):
            found[step.key] = Tested(step.experiment, {abtests.letter(each.position): each for each in variants})
    return found


def kept(route: Route) -> Route:
    """Return the route of somebody who comes by again: they keep their version, and there is nothing to be chosen."""
    return Route(route.lane, Basis.KNOWN, "They keep their version.", ())


def _label(letter: str, variant: Variant) -> str:
    return f"Version {letter}" if variant.name in (letter, "") else f"Version {letter}: {variant.name}"
