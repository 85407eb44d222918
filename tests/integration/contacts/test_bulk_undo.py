"""What was done to a list by mistake is taken back, for exactly those whom it changed."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from contacts.models import Contact, List
from team.models import Membership, Workspace
from tests.factories.contacts import make_contacts, make_list
from tests.factories.team import MembershipFactory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def people(workspace: Workspace) -> list[Contact]:
    return make_contacts(workspace, 4)


@pytest.fixture
def readers(workspace: Workspace, people: list[Contact]) -> List:
    """A list of the first two."""
    return make_list(workspace, "Readers", people[:2])


@pytest.fixture
def web(workspace: Workspace, client: Client) -> Client:
    member: Membership = MembershipFactory(workspace=workspace, role="editor")  # type: ignore[assignment]
    client.force_login(member.user)
    return client


def run(web: Client, deed: str, list_: List, people: list[Contact]) -> str:
    """Do it; return where it can be undone, empty if nowhere."""
    web.post(
        reverse("contacts:bulk_run"),
        {"deed": deed, "target": list_.pk, "scope": "ticked", "ids": [person.pk for person in people]},
    )
    page = web.get(reverse("contacts:list")).content.decode()
    found = re.search(r'data-undo="([^"]+)"', page)
    return found.group(1) if found else ""


def members(list_: List) -> set[int]:
    return set(list_.contacts.values_list("pk", flat=True))


def test_contacts_taken_out_of_a_list_are_put_back(web: Client, readers: List, people: list[Contact]) -> None:
    undo = run(web, "remove", readers, people[1:])
    assert members(readers) == {people[0].pk}
    answer = web.post(undo, headers=HTMX)
    assert answer["HX-Refresh"] == "true"
    assert members(readers) == {people[0].pk, people[1].pk}


def test_who_was_in_the_list_before_stays_when_adding_is_undone(
    web: Client, readers: List, people: list[Contact]
) -> None:
    undo = run(web, "add", readers, people[1:])
    assert len(members(readers)) == 4
    web.post(undo, headers=HTMX)
    assert members(readers) == {people[0].pk, people[1].pk}


def test_undoing_twice_says_that_it_is_too_late(web: Client, readers: List, people: list[Contact]) -> None:
    undo = run(web, "remove", readers, people)
    web.post(undo, headers=HTMX)
    answer = web.post(undo, headers=HTMX)
    assert answer.status_code == 409
    assert "too late" in answer["HX-Trigger"]


def test_what_can_not_be_taken_back_offers_no_undo(web: Client, readers: List, people: list[Contact]) -> None:
    assert run(web, "delete", readers, people[3:]) == ""
    assert run(web, "add", readers, people[:2]) == ""


def test_another_workspaces_undo_is_not_found(web: Client, readers: List, people: list[Contact]) -> None:
    undo = run(web, "remove", readers, people)
    other: Membership = MembershipFactory(role="editor")  # type: ignore[assignment]
    web.force_login(other.user)
    assert web.post(undo, headers=HTMX).status_code == 409
    assert members(readers) == set()
