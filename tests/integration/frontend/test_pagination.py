"""Cursor pages over a real table."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from frontend.pagination import paginate
from team.models import Workspace
from tests.factories.team import WorkspaceFactory

pytestmark = pytest.mark.django_db


def walk(order: tuple[str, ...], size: int) -> list[int]:
    found: list[int] = []
    cursor: str | None = None
    while True:
        page = paginate(Workspace.objects.all(), cursor=cursor, order=order, size=size)
        found += [workspace.pk for workspace in page.items]
        cursor = page.next_cursor
        if not cursor:
            return found


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.sampled_from("abc"), max_size=12),
    size=st.integers(1, 5),
    order=st.sampled_from([("name", "id"), ("-name", "id"), ("name", "-id"), ("-created_at", "-id"), ("id",)]),
)
def test_pages_together_are_the_whole_list_in_order(names, size, order):
    Workspace.objects.all().delete()
    for name in names:
        WorkspaceFactory.create(name=name)
    assert walk(order, size) == list(Workspace.objects.order_by(*order).values_list("pk", flat=True))


def test_a_row_added_meanwhile_neither_repeats_nor_hides_another():
    first, second = WorkspaceFactory.create(name="b"), WorkspaceFactory.create(name="c")
    page = paginate(Workspace.objects.all(), cursor=None, order=("name", "id"), size=1)
    WorkspaceFactory.create(name="a")
    following = paginate(Workspace.objects.all(), cursor=page.next_cursor, order=("name", "id"), size=1)
    assert (page.items, following.items) == ([first], [second])
    assert not following.is_first


@pytest.mark.parametrize(
    "cursor", ["", "nonsense", "bm9uc2Vuc2U", "W1sibmFtZSJdLFtdXQ", "ÿ", "W1sibmFtZSIsImlkIl0sWyJhIiwieCJdXQ"]
)
def test_a_damaged_cursor_starts_from_the_beginning(cursor):
    workspace = WorkspaceFactory.create(name="a")
    page = paginate(Workspace.objects.all(), cursor=cursor, order=("name", "id"))
    assert page.items == [workspace]
    assert page.is_first


def test_a_page_costs_one_query(django_assert_num_queries):
    WorkspaceFactory.create_batch(3)
    with django_assert_num_queries(1):
        paginate(Workspace.objects.all(), cursor=None, order=("name", "id"), size=2)
