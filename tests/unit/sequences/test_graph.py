from datetime import UTC, datetime, timedelta

import pytest

from sequences.graph import Graph, Node
from sequences.kinds.branches import ListBranch
from sequences.kinds.flow import Email, Exit, Jump
from sequences.kinds.waits import CalendarPause, Pause
from sequences.structure import problems

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
LANES = {"b": ("yes", "no")}


def email(key, lane="root"):
    return Node(key, Email(), lane, mailing_id=1)


def pause(key, lane="root"):
    return Node(key, Pause(HOUR), lane)


def branch(key="b", lane="root"):
    return Node(key, ListBranch(1), lane)


def found(nodes, lanes=LANES):
    return [(problem.key, problem.code) for problem in problems(Graph(nodes, lanes))]


def test_an_email_is_due_at_once_and_a_pause_when_it_is_over():
    assert email("e").due_at(START) == START
    assert pause("w").due_at(START) == START + HOUR


def test_a_wait_that_depends_on_the_contact_is_looked_at_at_once():
    assert Node("w", CalendarPause(timedelta(days=1))).due_at(START) == START


def test_steps_follow_each_other_to_the_end():
    graph = Graph([email("a"), pause("w"), email("z")])
    assert graph.first == email("a")
    assert graph.following("a") == pause("w")
    assert graph.following("z") is None


def test_a_graph_without_steps_can_not_be_entered():
    assert Graph([]).first is None


def test_lanes_rejoin_behind_their_branch_however_deep():
    lanes = {"b": ("yes", "no"), "inner": ("yes", "no")}
    nodes = [branch(), email("after"), branch("inner", "b.yes"), email("deep", "inner.no"), email("z", "b.yes")]
    graph = Graph(nodes, lanes)
    assert graph["b"].lanes == {"yes": "inner", "no": "after"}
    assert graph["inner"].lanes == {"yes": "z", "no": "deep"}
    assert graph.following("deep") == email("z", "b.yes")
    assert graph.following("z") == email("after")
    assert [node.key for node in graph] == ["b", "inner", "deep", "z", "after"]


def test_the_last_branchs_empty_lane_is_the_end():
    assert Graph([branch()], LANES)["b"].lanes == {"yes": None, "no": None}


def test_unknown_steps_are_an_error():
    with pytest.raises(KeyError):
        Graph([email("a")])["gone"]


def test_steps_behind_an_end_are_unreachable():
    assert found([Node("x", Exit()), email("a")]) == [("a", "unreachable")]
    both = [branch(), Node("x", Exit(), "b.yes"), Node("y", Exit(), "b.no"), email("a")]
    assert found(both) == [("a", "unreachable")]
    assert found(both[:2] + both[3:]) == []


def test_a_jump_must_lead_somewhere():
    assert found([Node("j", Jump("gone"))]) == [("j", "jump_nowhere")]


@pytest.mark.parametrize("between", [[], [email("a")], [branch()]])
def test_a_jump_back_without_a_wait_is_an_endless_loop(between):
    nodes = [email("top"), *between, Node("j", Jump("top"))]
    assert found(nodes) == [("j", "endless_loop")]
    assert found([*nodes[:-1], pause("w"), nodes[-1]]) == []


def test_a_wait_in_one_lane_alone_does_not_break_the_loop():
    nodes = [email("top"), branch(), pause("w", "b.yes"), Node("j", Jump("top"))]
    assert found(nodes) == [("j", "endless_loop")]


def test_a_jump_to_itself_is_a_loop():
    assert found([Node("j", Jump("j"))]) == [("j", "endless_loop")]
