"""Where people stand after the steps were changed: the plan alone."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sequences.graph import Graph, Node, lane_of
from sequences.kinds.branches import ListBranch
from sequences.kinds.events import Match, WaitFor
from sequences.kinds.flow import Email, Exit
from sequences.kinds.waits import Pause, UntilWeekday
from sequences.transfer import Fate, ahead, passages

HOUR = timedelta(hours=1)


def build(steps):
    """Make a graph of (key, settings) or (key, settings, {outcome: steps})."""
    nodes, outcomes = [], {}

    def add(inside, lane):
        for key, settings, *lanes in inside:
            nodes.append(Node(key, settings, lane))
            if lanes:
                outcomes[key] = tuple(lanes[0])
                for outcome, below in lanes[0].items():
                    add(below, lane_of(key, outcome))

    add(steps, "root")
    return Graph(nodes, outcomes)


def goes(old, new, key):
    """Return what becomes of who stands at a step: the fate and where."""
    passage = passages(build(old), build(new))[key]
    return passage.fate, passage.to


A, B, C, N = (("a", Email()), ("b", Email()), ("c", Email()), ("n", Email()))
W, X = ("w", Pause(HOUR)), ("x", Pause(2 * HOUR))


def branch(yes, no=()):
    return ("q", ListBranch(1), {"yes": list(yes), "no": list(no)})


def test_what_is_put_in_the_place_of_a_step_that_is_gone_is_met():
    assert goes([A, W, B], [A, N, B], "w") == (Fate.LEAVE, "n")
    assert goes([A, W, B], [A, N], "w") == (Fate.LEAVE, "n")
    assert goes([A, W, B], [N, A, B], "w") == (Fate.LEAVE, "b")


def test_the_next_step_that_is_left_is_met_wherever_it_was_put():
    assert goes([A, W, B], [B, A], "w") == (Fate.LEAVE, "b")
    assert goes([A, W, B, C], [A, C], "w") == (Fate.LEAVE, "c")


def test_nothing_behind_a_step_that_is_gone_is_the_end():
    assert goes([A, W, B], [A], "w") == (Fate.END, "w")
    assert goes([A, W, B], [N, A], "w") == (Fate.END, "w")


def test_a_branch_put_around_the_next_step_is_met_and_not_jumped_into():
    assert goes([A, W, B], [A, branch([B])], "w") == (Fate.LEAVE, "q")


def test_who_leaves_a_lane_that_is_still_there_meets_its_next_step_or_what_comes_behind_the_branch():
    old = [A, branch([W, B]), C]
    assert goes(old, [A, branch([B]), C], "w") == (Fate.LEAVE, "b")
    assert goes(old, [A, branch([N]), C], "w") == (Fate.LEAVE, "n")
    assert goes(old, [A, branch([]), N, C], "w") == (Fate.LEAVE, "n")
    assert goes(old, [A, C, branch([])], "w") == (Fate.END, "w")


def test_who_stands_in_a_lane_that_is_gone_meets_what_is_left_of_it_or_what_came_behind_the_branch():
    old = [A, branch([W, B]), C]
    assert goes(old, [A, B, C], "w") == (Fate.LEAVE, "b")
    assert goes(old, [A, N, C], "w") == (Fate.LEAVE, "n")
    assert goes(old, [A], "w") == (Fate.END, "w")


def test_a_wait_keeps_its_people_whatever_it_waits_for():
    assert goes([A, W, B], [A, ("w", Pause(5 * HOUR)), B], "w") == (Fate.WAIT, "w")
    assert goes([A, W, B], [A, ("w", UntilWeekday((0,), None)), B], "w") == (Fate.LOOK, "w")
    assert goes([A, ("w", WaitFor(Match("paid"), HOUR)), B], [A, W, B], "w") == (Fate.LOOK, "w")
    assert goes([A, W, B], [A, W, N, B], "w") == (Fate.STAY, "w")


def test_another_kind_in_its_place_is_met_when_the_wait_is_over():
    assert goes([A, W, B], [A, ("w", Exit()), B], "w") == (Fate.LEAVE, "w")
    assert goes([A, W, B], [("a", Pause(HOUR)), W, B], "a") == (Fate.LEAVE, "a")
    assert passages(build([A, W, B]), build([("a", Pause(HOUR)), W, B]))["a"].wait == HOUR


def test_the_people_of_an_email_that_is_the_last_one_now_end_and_only_those():
    found = passages(build([A, W, B, X, C]), build([A, W, B]))
    assert found["b"].ends
    assert not found["a"].ends
    assert found["c"].fate is Fate.END


keys = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10)
settings = st.sampled_from([Email(), Pause(HOUR), Pause(2 * HOUR), Exit(), WaitFor(Match("paid"), HOUR)])


@st.composite
def documents(draw):
    """Draw steps in lanes up to two deep; an exit only ends lanes that others go past."""
    left = draw(keys)

    def lane(depth):
        steps = []
        while left and draw(st.booleans()):
            key = left.pop()
            if depth < 2 and draw(st.integers(0, 3)) == 0:
                steps.append((key, ListBranch(1), {"yes": lane(depth + 1), "no": lane(depth + 1)}))
            else:
                steps.append((key, draw(settings)))
        return steps

    return lane(0)


@given(documents(), documents())
def test_everybody_stands_somewhere_afterwards(before, after):
    old, new = build(before), build(after)
    found = passages(old, new)
    assert set(found) == {node.key for node in old}
    for key, passage in found.items():
        if passage.fate is Fate.END:
            assert new.get(key) is None
        else:
            assert passage.to in ahead(new, passage.to)
        if passage.fate in (Fate.STAY, Fate.WAIT, Fate.LOOK):
            assert passage.to == key


@given(documents())
def test_the_same_steps_change_nothing(document):
    graph = build(document)
    assert {passage.fate for passage in passages(graph, graph).values()} <= {Fate.STAY}
    assert not any(passage.ends for passage in passages(graph, graph).values())
