"""Whose test it is, and who may decide on it: whoever may send its campaign."""

from typing import NamedTuple

from abtests import reading, selectors
from abtests.models import Experiment
from abtests.places import Place
from abtests.results import Results
from core.exceptions import Forbidden
from team.access import REFUSALS, Capability, MemberRequest, can, may


class Subject(NamedTuple):
    """A test as somebody looks at it."""

    experiment: Experiment
    place: Place | None
    can_decide: bool


def subject_of(request: MemberRequest, experiment_id: int) -> Subject:
    """Return a test of the request's workspace.  Raises NotFound."""
    experiment = selectors.experiment_in(request.workspace, experiment_id)
    place = reading.place_of(experiment)
    return Subject(experiment, place, _can_decide(request, place))


def to_decide(request: MemberRequest, experiment_id: int) -> Subject:
    """Return a test to somebody who may decide on it.  Raises NotFound, Forbidden."""
    subject = subject_of(request, experiment_id)
    if not subject.can_decide:
        raise Forbidden(REFUSALS[Capability.SEND])
    return subject


def rest_of(found: Results, place: Place | None) -> int | None:
    """Return how many people wait for the outcome; None where people come one by one."""
    if place is None or place.audience is None:
        return None
    dealt = found.sent if found.is_bandit else sum(part.size for part in found.parts)
    return max(place.audience - dealt, 0)


def _can_decide(request: MemberRequest, place: Place | None) -> bool:
    if place is None:
        return can(request.membership, Capability.SEND)
    return may(request.membership, Capability.SEND, type(place.owner), place.owner.pk)
