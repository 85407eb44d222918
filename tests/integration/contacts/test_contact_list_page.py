"""The contact list: search, filters, order, pages, and what is done to many."""

import re

import pytest
from django.test import Client

from contacts import services
from contacts.models import Contact, ListMember, Suppression
from contacts.services import bulk
from team.models import AuditEntry, Membership, Workspace
from tests.factories.contacts import make_contact, make_contacts, make_list

pytestmark = pytest.mark.django_db

URL = "/contacts/"
HTMX = {"HX-Request": "true"}


def emails(page: bytes | str) -> list[str]:
    text = page.decode() if isinstance(page, bytes) else page
    return re.findall(r'fw-medium" href="/contacts/\d+/">([^<]+)<', text)


def listed(web: Client, **query: object) -> list[str]:
    response = web.get(URL, query)
    assert response.status_code == 200
    return [email.removesuffix("@example.com") for email in emails(response.content)]


def test_words_are_searched_in_address_names_and_company(web: Client, workspace: Workspace) -> None:
    make_contact(workspace, "ada@example.com", first_name="Ada", last_name="Lovelace", company="Analytical Engines")
    make_contact(workspace, "bo@example.com", first_name="Bo", last_name="Ádám 50%")
    assert listed(web, q="LOVE") == ["ada"]
    assert listed(web, q="analytical ada") == ["ada"]
    assert listed(web, q="ada bo") == []
    assert listed(web, q="ádám") == ["bo"]
    assert listed(web, q="50%") == ["bo"]
    assert listed(web, q="a%m") == listed(web, q="_______") == []
    assert listed(web, q="b") == ["bo"]
    assert listed(web, q="%") == listed(web, q="_") == []
    assert listed(web, q="\x00\\") == []


def test_lists_segments_and_status_narrow_it(web: Client, workspace: Workspace) -> None:
    people = make_contacts(workspace, 4)
    list_ = make_list(workspace, members=people[:2])
    segment = services.create_segment(
        workspace=workspace,
        name="S",
        definition={"conditions": [{"field": "list", "operator": "not_in", "value": list_.pk}]},
    )
    services.unsubscribe_contact(workspace_id=workspace.pk, contact_id=people[1].pk)
    assert listed(web, list=list_.pk) == ["person1", "person0"]
    assert listed(web, segment=segment.pk) == ["person3", "person2"]
    assert listed(web, status="unsubscribed") == ["person1"]
    assert listed(web, list=list_.pk, status="mailable") == ["person0"]
    assert "1 contact<" in web.get(URL, {"list": list_.pk, "status": "mailable"}).content.decode()
    assert listed(web, list="nonsense", status="odd", sort="nothing", cursor="!") == [
        "person3",
        "person2",
        "person1",
        "person0",
    ]


def test_a_foreign_list_or_segment_in_the_filter_is_not_found(web: Client, stranger: Membership) -> None:
    list_ = make_list(stranger.workspace)
    segment = services.create_segment(workspace=stranger.workspace, name="S", definition={})
    assert web.get(URL, {"list": list_.pk}).status_code == 404
    assert web.get(URL, {"segment": segment.pk}).status_code == 404


@pytest.mark.parametrize("sort", ["email", "-email", "name", "-name", "added", "-added"])
def test_pages_in_every_order_show_everybody_once(web: Client, workspace: Workspace, sort: str) -> None:
    make_contacts(workspace, 120, last_name="Same")
    seen: list[str] = []
    url = f"{URL}?sort={sort}"
    while url:
        page = web.get(url, headers=HTMX).content.decode()
        seen += emails(page)
        found = re.search(r'hx-get="([^"]*cursor=[^"]+)"', page)
        url = found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == len(set(seen)) == 120


def test_a_page_of_ten_thousand_contacts_costs_few_queries(
    web: Client, workspace: Workspace, django_assert_max_num_queries
) -> None:
    people = make_contacts(workspace, 10_000)
    list_ = make_list(workspace, members=people)
    with django_assert_max_num_queries(12):
        page = web.get(URL, {"list": list_.pk})
    assert b"10,000 contacts" in page.content
    assert len(emails(page.content)) == 50


def test_htmx_gets_the_table_alone(web: Client, workspace: Workspace) -> None:
    make_contact(workspace)
    part = web.get(URL, headers=HTMX).content
    assert b"<html" not in part
    assert emails(part) == ["ada@example.com"]


def ids(*contacts: Contact) -> list[int]:
    return [contact.pk for contact in contacts]


def test_the_dialog_names_how_many_are_ticked_and_how_many_the_search_finds(
    web: Client, workspace: Workspace, stranger: Membership
) -> None:
    people = make_contacts(workspace, 12)
    foreign = make_contact(stranger.workspace)
    data = {"deed": "delete", "ids": ids(*people[:2], foreign), "q": "person1"}
    dialog = web.post("/contacts/bulk/ask/", data, headers=HTMX).content.decode()
    assert "2 selected contacts" in dialog
    assert "All 3 contacts" in dialog
    assert "can’t be undone" in dialog


def test_ticked_contacts_are_put_into_a_list_and_taken_out(
    web: Client, workspace: Workspace, stranger: Membership
) -> None:
    people = make_contacts(workspace, 3)
    foreign = make_contact(stranger.workspace)
    list_ = make_list(workspace)
    data = {"scope": "ticked", "ids": ids(*people[:2], foreign), "target": list_.pk}
    assert web.post("/contacts/bulk/run/", {**data, "deed": "add"}).status_code == 302
    assert set(list_.contacts.all()) == set(people[:2])
    web.post("/contacts/bulk/run/", {**data, "deed": "remove", "ids": ids(people[0])})
    assert set(list_.contacts.all()) == {people[1]}


def test_everybody_the_search_finds_is_suppressed_or_deleted(web: Client, workspace: Workspace) -> None:
    make_contacts(workspace, 12)
    web.post("/contacts/bulk/run/", {"deed": "suppress", "scope": "found", "q": "person1"})
    assert set(Suppression.objects.values_list("email_key", flat=True)) == {
        f"person{number}@example.com" for number in (1, 10, 11)
    }
    answer = web.post("/contacts/bulk/run/", {"deed": "delete", "scope": "found", "status": "suppressed"}, follow=True)
    assert b"3 contacts were deleted" in answer.content
    assert Contact.objects.count() == 9
    assert Suppression.objects.count() == 3


def test_more_than_a_page_can_wait_for_is_handed_to_a_worker(
    web: Client, workspace: Workspace, owner: Membership, eager_tasks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MOST_AT_ONCE", 5)
    make_contacts(workspace, 12)
    list_ = make_list(workspace)
    data = {"deed": "add", "scope": "found", "q": "family", "target": list_.pk}
    assert b"a worker is at it" in web.post("/contacts/bulk/run/", data, follow=True).content
    assert list_.contacts.count() == 12
    web.post("/contacts/bulk/run/", {"deed": "delete", "scope": "found", "q": "family"})
    assert not Contact.objects.exists()
    entry = AuditEntry.objects.filter(table="contacts_contact", action="DELETE").first()
    assert entry is not None
    assert entry.actor == f"user:{owner.user_id}"


def test_a_foreign_list_is_no_target_and_an_unknown_deed_does_nothing(
    web: Client, workspace: Workspace, stranger: Membership
) -> None:
    contact = make_contact(workspace)
    data = {"scope": "ticked", "ids": [contact.pk]}
    foreign = make_list(stranger.workspace)
    assert web.post("/contacts/bulk/run/", {**data, "deed": "add", "target": foreign.pk}).status_code == 404
    assert web.post("/contacts/bulk/run/", {**data, "deed": "add"}).status_code == 422
    assert web.post("/contacts/bulk/run/", {**data, "deed": "explode"}).status_code == 422
    assert web.post("/contacts/bulk/ask/", {**data, "deed": "explode"}, headers=HTMX).status_code == 422
    assert not ListMember.objects.exists()


def test_the_export_holds_what_the_list_shows(web: Client, workspace: Workspace) -> None:
    people = make_contacts(workspace, 3)
    list_ = make_list(workspace, "Readers", people[:1])
    text = b"".join(web.get("/contacts/export.csv", {"list": list_.pk})).decode()
    header, row = text.splitlines()
    assert header.removeprefix("\ufeff").startswith("Email address,First name")
    assert row.startswith("person0@example.com,Given0,Family0")
    assert "Readers" in row
