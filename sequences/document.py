"""A version's steps as one document, and back: a list of steps, where a step with lanes holds a list for each outcome.

    [{"key": "hello", "kind": "email", "subject": "Hello", "template": 3},
     {"key": "two-days", "kind": "wait", "wait": "P2D"},
     {"key": "clicked", "kind": "branch", "on": "engagement", "step": "hello", "lanes": {
        "yes": [{"kind": "action", "do": "add_to_list", "list": 4}],
        "no": [{"kind": "email", "subject": "Still there?", "template": 4}, {"kind": "exit"}]}}]

The rows are the truth (docs/decisions/0003-steps-are-rows.md); the builder, the API and tests speak this form.
"""

import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import Any

from django.utils.duration import duration_iso_string

from sequences import kinds
from sequences.exceptions import StepError
from sequences.graph import Graph, Node, lane_of
from sequences.models import ROOT_LANE, Step, StepKind

KEY = re.compile(r"[A-Za-z0-9_-]{1,20}\Z")
EMAIL_FIELDS = ("template_version", "subject", "preheader", "format", "source", "text_source")
NOT_SETTINGS = ("key", "kind", "lanes", "test")
# What reading a step shows, and writing it back passes over.
READ_ONLY = ("mailing", "effective_subject", "experiment")


@dataclass(frozen=True, slots=True)
class Placed:
    """A step of a document: where it stands, and its fields as given; `path` is its place for error messages.

    `test` is the plan of an email's new A/B test, `experiment` the id of the one that it is shown with.
    """

    path: str
    key: str
    lane: str
    position: int
    kind: str
    fields: dict[str, Any]
    lanes: Mapping[str, Any]
    test: Any = None
    experiment: Any = None

    @property
    def label(self) -> str:
        """The place for people: "Step 3, yes 1"."""
        parts = self.path.split(".")[1:]
        return "Step " + ", ".join(
            f"{parts[at - 1]} {int(part) + 1}" if at else str(int(part) + 1)
            for at, part in enumerate(parts)
            if part.isdecimal()
        )


def new_key() -> str:
    """Return a new step key: it never means another step, in whatever version."""
    return secrets.token_hex(5)


def placed(steps: object, *, deepest: int) -> list[Placed]:
    """Return all steps of a document, a lane's steps behind the step that it belongs to.

    A key that is given is kept, if it is well-formed and the first of its name.  Raises StepError for what is no document.
    """
    found: list[Placed] = []
    _place(steps, "steps", ROOT_LANE, found, set(), deepest)
    return found


def _place(steps: object, path: str, lane: str, found: list[Placed], taken: set[str], deepest: int) -> None:
    if not isinstance(steps, list | tuple):
        raise StepError("Steps are given as a list.", fields={path: ["This must be a list."]})
    if deepest < 0:
        raise StepError("Branches are nested too deep.", fields={path: ["Branches are nested too deep."]})
    for position, given in enumerate(steps):
        here = f"{path}.{position}"
        if not isinstance(given, Mapping):
            raise StepError("A step is an object with a kind.", fields={here: ["This must be an object."]})
        key = given.get("key") or ""
        if not isinstance(key, str) or (key and not KEY.match(key)):
            message = "A key has letters, digits, - and _, at most 20."
            raise StepError(message, fields={f"{here}.key": [message]})
        if not key or key in taken:
            key = new_key()
        taken.add(key)
        lanes = given.get("lanes") or {}
        if not isinstance(lanes, Mapping):
            raise StepError("Lanes are an object of lists.", fields={f"{here}.lanes": ["This must be an object."]})
        fields = {str(name): value for name, value in given.items() if name not in (*NOT_SETTINGS, *READ_ONLY)}
        kind, test, experiment = given.get("kind", StepKind.EMAIL), given.get("test"), given.get("experiment")
        found.append(Placed(here, key, lane, position, kind, fields, lanes, test, experiment))
        for outcome, inside in lanes.items():
            if inside:
                _place(inside, f"{here}.lanes.{outcome}", lane_of(key, outcome), found, taken, deepest - 1)


def document_of(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return rows (with their templates) as a document."""
    by_lane: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        by_lane[step.lane].append(step)
    for lane in by_lane.values():
        lane.sort(key=lambda step: step.position)
    return [_shown(step, by_lane) for step in by_lane[ROOT_LANE]]


def _shown(step: Step, by_lane: Mapping[str, Items[Step]]) -> dict[str, Any]:
    shown: dict[str, Any] = {"key": step.key, "kind": step.kind, **settings_of(step)}
    if step.kind == StepKind.EMAIL:
        shown |= _email(step)
    outcomes = kinds.lanes_of(step.kind, step.config)
    if outcomes:
        shown["lanes"] = {
            outcome: [_shown(inside, by_lane) for inside in by_lane.get(lane_of(step.key, outcome), ())]
            for outcome in outcomes
        }
    return shown


def settings_of(step: Step) -> dict[str, Any]:
    """Return the fields of a step other than an email, as the document has them."""
    if step.kind != StepKind.WAIT or "until" in step.config:
        return dict(step.config)
    return {"wait": duration_iso_string(step.wait) if step.wait else None, **step.config}


def _email(step: Step) -> dict[str, Any]:
    version = step.template_version
    origin = version or step
    return {
        "template": version.template_id if version else None,
        "template_version": version.number if version else None,
        "subject": step.subject or origin.subject,
        "preheader": step.preheader or origin.preheader,
        "mailing": step.mailing_id,
        "experiment": step.experiment_id,
        **({} if version else {name: getattr(step, name) for name in ("format", "source", "text_source")}),
    }


def reading_of(step: Step) -> kinds.Reading:
    """Return what a step's row says.  An email's content is not looked at."""
    if step.kind == StepKind.EMAIL:
        return kinds.read(step.kind, {name: step.config.get(name) for name in kinds.EMAIL_SETTINGS})
    return kinds.read(step.kind, settings_of(step), key=step.key)


def graph_of(steps: Iterable[Step]) -> Graph:
    """Return the graph of rows in the order of lane and position; every step must be complete."""
    nodes: list[Node] = []
    outcomes: dict[str, tuple[str, ...]] = {}
    for step in steps:
        reading = reading_of(step)
        if reading.settings is None:
            raise ValueError(f"Step {step.key} is not complete.")
        nodes.append(Node(step.key, reading.settings, step.lane, step.mailing_id, step.experiment_id))
        if lanes := kinds.lanes_of(step.kind, reading.clean):
            outcomes[step.key] = lanes
    return Graph(nodes, outcomes)


def in_order(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield rows in the order of the document: a lane's steps behind the step that it belongs to."""
    by_lane: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        by_lane[step.lane].append(step)

    def walk(lane: str) -> Iterator[Step]:
        for step in sorted(by_lane.get(lane, ()), key=lambda step: step.position):
            yield step
            for outcome in kinds.lanes_of(step.kind, step.config):
                yield from walk(lane_of(step.key, outcome))

    return walk(ROOT_LANE)
