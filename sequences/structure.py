"""What is wrong with a sequence as a whole: steps that nobody reaches, loops without a wait, references to nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sequences.graph import Graph, Node, is_email
from sequences.kinds.branches import EngagementBranch
from sequences.kinds.flow import Jump
from sequences.kinds.waits import CalendarPause, Pause


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence about one step; `code` is stable, `field` is what to mend (empty: the step's place)."""

    key: str
    code: str
    message: str
    field: str = ""


def problems(graph: Graph) -> list[Problem]:
    """Return everything that keeps the sequence from being published, in the order of the steps."""
    found = [*_bad_references(graph)]
    if not found:
        found = [*_unreachable(graph), *_loops(graph)]
    return sorted(found, key=lambda problem: graph[problem.key].number)


def _bad_references(graph: Graph) -> Iterable[Problem]:
    for node in graph:
        match node.settings:
            case Jump(to) if graph.get(to) is None:
                yield Problem(node.key, "jump_nowhere", "It jumps to a step that isn't there.", "to")
            case EngagementBranch(step=step):
                email = graph.get(step)
                if email is None or not is_email(email):
                    yield Problem(node.key, "no_such_email", "It asks about an email that isn't there.", "step")
                elif node.key not in _reached(graph, email):
                    message = "It asks about an email that is only sent later."
                    yield Problem(node.key, "email_later", message, "step")


def _unreachable(graph: Graph) -> Iterable[Problem]:
    first = graph.first
    reached = set() if first is None else {first.key} | _reached(graph, first)
    for node in graph:
        if node.key not in reached:
            yield Problem(node.key, "unreachable", "Nobody can get here: every way ends or jumps before.")


def _loops(graph: Graph) -> Iterable[Problem]:
    """A loop is sound if every turn waits for a fixed time; an email's acceptance may come at once, a date may be past."""
    for node in graph:
        if isinstance(node.settings, Jump) and node.key in _reached(graph, node, through=_is_instant):
            yield Problem(node.key, "endless_loop", "It jumps back without a wait on the way.", "to")


def _is_instant(node: Node) -> bool:
    return not isinstance(node.settings, Pause | CalendarPause)


def _reached(graph: Graph, start: Node, *, through: Callable[[Node], bool] = lambda _: True) -> set[str]:
    """Return the keys of all steps that come after `start`; only steps that `through` lets pass are gone through."""
    reached: set[str] = set()
    open_ = [start]
    while open_:
        for key in open_.pop().exits():
            node = graph.get(key) if key is not None else None  # a jump may name a step that isn't there
            if node is not None and node.key not in reached and through(node):
                reached.add(node.key)
                open_.append(node)
    return reached
