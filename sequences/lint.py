"""What a builder should look at again, though nothing forbids it: a mail without a way out, a wait before nothing."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Items

from sequences import kinds
from sequences.document import reading_of
from sequences.graph import Graph, Node, is_email
from sequences.kinds.flow import Email
from sequences.models import Step, StepKind
from sequences.structure import Problem, problems

# What any of them links to lets the reader leave.
WAYS_OUT = ("unsubscribeUrl", "preferencesUrl")


def loose_graph(steps: Iterable[Step]) -> Graph:
    """Return the graph of steps of which some may be incomplete: people pass those by.  Rows in the order of lane, position."""
    nodes: list[Node] = []
    outcomes: dict[str, tuple[str, ...]] = {}
    for step in steps:
        reading = reading_of(step)
        nodes.append(Node(step.key, reading.settings or Email(), step.lane))
        if lanes := kinds.lanes_of(step.kind, reading.clean):
            outcomes[step.key] = lanes
    return Graph(nodes, outcomes)


def place_problems(steps: Items[Step]) -> list[Problem]:
    """Return what is wrong with the places of steps (as `structure.problems`), also while others are incomplete."""
    whole = {step.key for step in steps if step.kind == StepKind.EMAIL or reading_of(step).settings is not None}
    return [problem for problem in problems(loose_graph(steps)) if problem.key in whole]


def lint(steps: Items[Step], contents: Mapping[str, Mapping[str, str]]) -> list[Problem]:
    """Return what may be meant but rarely is; `contents` holds what each email sends, by its key."""
    graph = loose_graph(steps)
    emails = {step.key for step in steps if step.kind == StepKind.EMAIL}
    return [problem for step in steps for problem in _of_step(step, graph, emails, contents.get(step.key, {}))]


def _of_step(step: Step, graph: Graph, emails: set[str], content: Mapping[str, str]) -> Iterator[Problem]:
    next_key = graph[step.key].next_key
    if step.kind == StepKind.EMAIL:
        source = content.get("source", "")
        if not content.get("subject", "").strip():
            yield Problem(step.key, "no_subject", "It has no subject.", "subject")
        if source.strip() and not any(name in source for name in WAYS_OUT):
            yield Problem(step.key, "no_unsubscribe", "It has no unsubscribe link.", "source")
        if next_key in emails and is_email(graph[step.key]):
            yield Problem(step.key, "no_wait", "The next email leaves as soon as this one is accepted.")
    elif step.kind == StepKind.WAIT and next_key is None:
        yield Problem(step.key, "wait_before_end", "Nothing comes after this wait.")
    outcomes = graph[step.key].lanes
    if outcomes and set(outcomes.values()) == {next_key}:
        yield Problem(step.key, "empty_lanes", "Every lane is empty: whatever the answer, the way is the same.")
