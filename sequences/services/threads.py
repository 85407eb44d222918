"""Follow-ups as threads: what an email answers, and the subject that it takes over."""

from collections.abc import Sequence as Items
from typing import Any

from sequences.models import Step, StepKind
from sequences.services.checking import content_of


def mailed_content(step: Step, steps: Items[Step]) -> dict[str, Any]:
    """Return what an email's mailing is made of; `steps` are the version's, in the order of the document.

    A follow-up answers the nearest email before it, on every way to it, that is none itself, and the follow-ups since: it bears that
    one's subject with "Re:". Without such an email it is one like any other.
    """
    content: dict[str, Any] = {**content_of(step), "thread": []}
    if not step.config.get("thread"):
        return content
    before = [each for each in steps[: steps.index(step)] if each.kind == StepKind.EMAIL]
    lanes = _lanes_around(step, steps)
    roots = [each for each in before if each.lane in lanes and not each.config.get("thread")]
    if roots:
        subject = content_of(roots[-1])["subject"]
        content["subject"] = subject if subject.lower().startswith("re:") else f"Re: {subject}"
        content["thread"] = [each.key for each in before[before.index(roots[-1]) :]]
    return content


def _lanes_around(step: Step, steps: Items[Step]) -> set[str]:
    """Return the lane of a step and those that it lies in."""
    by_key = {each.key: each for each in steps}
    lanes = {step.lane}
    owner = by_key.get(step.lane.rpartition(".")[0])
    while owner is not None:
        lanes.add(owner.lane)
        owner = by_key.get(owner.lane.rpartition(".")[0])
    return lanes
