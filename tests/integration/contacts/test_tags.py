"""Tags: by the API, the page, imports and exports, segments and many at once."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from contacts import selectors, services
from contacts.exports import contact_rows
from contacts.models import Contact
from core.spreadsheets import csv_lines
from team.models import Membership, Workspace
from tests.factories.contacts import make_contact
from tests.integration.contacts.test_import_rows import counts, csv_bytes, run_file

pytestmark = pytest.mark.django_db

ROOT = "/api/v1/"


def tags_of(contact: Contact) -> list[str]:
    contact.refresh_from_db()
    return contact.tags


def test_tags_are_kept_in_small_letters_and_each_once(api: APIClient) -> None:
    made = api.post(
        f"{ROOT}contacts/", {"email": "ada@example.com", "tags": ["VIP", " new  customer ", "vip"]}, format="json"
    )
    assert made.status_code == 201, made.data
    assert made.data["tags"] == ["new customer", "vip"]
    url = f"{ROOT}contacts/{made.data['id']}/"
    assert api.patch(url, {"first_name": "Ada"}, format="json").data["tags"] == ["new customer", "vip"]
    assert api.patch(url, {"tags": []}, format="json").data["tags"] == []


@pytest.mark.parametrize(
    "tags", [["a;b"], ["x" * 61], ["nul\x00"], [str(number) for number in range(101)], "vip", [{}]]
)
def test_what_is_no_tag_is_refused(api: APIClient, workspace: Workspace, tags: object) -> None:
    contact = make_contact(workspace)
    answer = api.patch(f"{ROOT}contacts/{contact.pk}/", {"tags": tags}, format="json")
    assert answer.status_code in (400, 422), answer.data
    assert tags_of(contact) == []


def test_tags_are_edited_on_the_contacts_page(web: Client, workspace: Workspace) -> None:
    contact = make_contact(workspace, tags=["old"])
    page = web.get(f"/contacts/{contact.pk}/")
    assert 'value="old"' in page.content.decode()
    web.post(f"/contacts/{contact.pk}/edit/", {"email": contact.email, "tracking": "off", "tags": "New, vip"})
    assert tags_of(contact) == ["new", "vip"]


def test_a_tag_on_many_contacts_stays_in_their_workspace(workspace: Workspace, stranger: Membership) -> None:
    first, second = make_contact(workspace, tags=["a"]), make_contact(workspace, "bob@example.com", tags=["vip"])
    foreign = make_contact(stranger.workspace)
    ids = [first.pk, second.pk, foreign.pk]
    assert services.add_tag(workspace_id=workspace.pk, tag="vip", contact_ids=ids) == 1
    assert (tags_of(first), tags_of(second), tags_of(foreign)) == (["a", "vip"], ["vip"], [])
    assert services.remove_tag(workspace_id=workspace.pk, tag="vip", contact_ids=ids) == 2
    assert (tags_of(first), tags_of(second)) == (["a"], [])


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({"operator": "has", "value": "VIP"}, ["with@example.com"]),
        ({"operator": "has_not", "value": "vip"}, ["other@example.com", "without@example.com"]),
        ({"operator": "has", "value": "a,b"}, []),
        ({"operator": "empty"}, ["without@example.com"]),
        ({"operator": "not_empty"}, ["other@example.com", "with@example.com"]),
    ],
)
def test_a_segment_asks_for_tags(workspace: Workspace, condition: dict[str, str], found: list[str]) -> None:
    make_contact(workspace, email="with@example.com", tags=["vip"])
    make_contact(workspace, email="other@example.com", tags=["new"])
    make_contact(workspace, email="without@example.com")
    definition = {"match": "all", "conditions": [{"field": "tags", **condition}]}
    checked = selectors.checked_definition(workspace.pk, definition)
    matching = selectors.matching(selectors.contacts_in(workspace), workspace, checked)
    assert sorted(matching.values_list("email", flat=True)) == found


def test_an_import_adds_tags_and_an_export_has_them(workspace: Workspace) -> None:
    contact = make_contact(workspace, email="a@example.com", tags=["old"])
    rows = [["Email", "Tags"], ["a@example.com", "VIP; new"], ["b@example.com", "solo"], ["c@example.com", ""]]
    assert counts(run_file(workspace, csv_bytes(rows))) == {"created": 2, "updated": 1}
    assert tags_of(contact) == ["new", "old", "vip"]
    assert counts(run_file(workspace, csv_bytes(rows))) == {"unchanged": 3}
    text = "".join(csv_lines(contact_rows(selectors.contacts_in(workspace), [])))
    assert "new; old; vip" in text


def test_a_row_with_a_bad_tag_is_rejected_with_the_reason(workspace: Workspace) -> None:
    source = run_file(workspace, csv_bytes([["Email", "Tags"], ["a@example.com", "x" * 61]]))
    assert counts(source) == {"rejected": 1}
