"""One contact, lists, fields and suppressions by hand."""

import pytest
from django.test import Client

from contacts import services
from contacts.models import Contact, ContactField, List, Suppression
from team.models import Workspace
from tests.factories.contacts import make_contact, make_list

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def _fields(workspace: Workspace) -> None:
    services.create_field(workspace=workspace, label="Plan", type_="choice", choices=["pro", "free"])
    services.create_field(workspace=workspace, label="Age", type_="number")
    services.create_field(workspace=workspace, label="Born", type_="date")
    services.create_field(workspace=workspace, label="VIP", type_="boolean")
    services.create_field(workspace=workspace, label="Tags", type_="list")


DATA = {
    "email": "ada@example.com",
    "first_name": "Ada",
    "tracking": "individual",
    "attribute_plan": "pro",
    "attribute_age": "36",
    "attribute_born": "1815-12-10",
    "attribute_vip": "yes",
    "attribute_tags": "a; b",
}


@pytest.mark.usefixtures("_fields")
def test_a_contact_is_added_and_changed_with_typed_fields_and_lists(web: Client, workspace: Workspace) -> None:
    list_ = make_list(workspace)
    web.post("/contacts/new/", {**DATA, "lists": [list_.pk]})
    contact = Contact.objects.get()
    assert contact.attributes == {"plan": "pro", "age": 36, "born": "1815-12-10", "vip": True, "tags": ["a", "b"]}
    assert list(contact.lists.all()) == [list_]
    page = web.get(f"/contacts/{contact.pk}/").content.decode()
    assert 'value="1815-12-10"' in page
    web.post(
        f"/contacts/{contact.pk}/edit/", {**DATA, "attribute_age": "", "attribute_vip": "no", "last_name": "Lovelace"}
    )
    contact.refresh_from_db()
    assert contact.attributes == {"plan": "pro", "born": "1815-12-10", "vip": False, "tags": ["a", "b"]}
    assert (contact.last_name, contact.lists.count()) == ("Lovelace", 0)


@pytest.mark.usefixtures("_fields")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"email": "nobody"}, "needs an @"),
        ({"email": "taken@example.com"}, "Another contact"),
        ({"attribute_age": "old"}, "not a number"),
        ({"time_zone": "Mars"}, "no time zone"),
        ({"attribute_plan": "gold"}, "not one of the available choices"),
        ({"email": ""}, "required"),
    ],
)
def test_what_is_wrong_comes_back_in_the_form_as_422(
    web: Client, workspace: Workspace, change: dict, message: str
) -> None:
    make_contact(workspace, "taken@example.com")
    for url in ("/contacts/new/", f"/contacts/{make_contact(workspace, 'me@example.com').pk}/edit/"):
        response = web.post(url, {**DATA, **change}, headers=HTMX)
        assert response.status_code == 422
        assert message in response.content.decode()
        assert b"<html" not in response.content


def test_a_contact_is_suppressed_lifted_and_deleted(web: Client, workspace: Workspace) -> None:
    contact = make_contact(workspace)
    web.post(f"/contacts/{contact.pk}/suppress/")
    assert "gets no more mail" in web.get(f"/contacts/{contact.pk}/").content.decode()
    web.post(f"/contacts/{contact.pk}/lift/")
    assert not Suppression.objects.exists()
    web.post(f"/contacts/{contact.pk}/delete/")
    assert not Contact.objects.exists()


def test_an_editor_cannot_lift_a_suppression(web_as, workspace: Workspace) -> None:
    contact = make_contact(workspace)
    services.unsubscribe_contact(workspace_id=workspace.pk, contact_id=contact.pk)
    editor = web_as("editor")
    assert editor.post(f"/contacts/{contact.pk}/lift/").status_code == 403
    assert editor.post(f"/contacts/suppressions/{Suppression.objects.get().pk}/lift/").status_code == 403
    assert Suppression.objects.exists()


def test_many_addresses_are_pasted_and_what_is_none_is_told(web: Client) -> None:
    text = "A@example.com, b@example.com;\nBo <c@example.com>\nbad@@example a@example.com"
    answer = web.post(
        "/contacts/suppressions/add/", {"emails": text, "reason": "manual", "detail": "old system"}, follow=True
    )
    assert set(Suppression.objects.values_list("email_key", flat=True)) == {
        "a@example.com",
        "b@example.com",
        "c@example.com",
    }
    assert "3 addresses were suppressed; 1 is no address: bad@@example." in answer.content.decode()
    assert web.post("/contacts/suppressions/add/", {"emails": "nothing", "reason": "manual"}).status_code == 422
    assert web.get("/contacts/suppressions/", {"q": "B@EX", "reason": "manual"}).content.count(b"fw-medium") == 1


def test_a_list_is_made_renamed_and_deleted(web: Client, workspace: Workspace) -> None:
    web.post("/contacts/lists/new/", {"name": "Readers", "description": "of the newsletter"})
    list_ = List.objects.get()
    assert web.post("/contacts/lists/new/", {"name": "Readers"}).status_code == 422
    web.post(f"/contacts/lists/{list_.pk}/", {"name": "Subscribers to tea"})
    list_.refresh_from_db()
    assert list_.name == "Subscribers to tea"
    contact = make_contact(workspace)
    services.add_members(list_=list_, contact_ids=[contact.pk])
    web.post(f"/contacts/lists/{list_.pk}/delete/")
    assert Contact.objects.get() == contact


def test_a_field_is_made_changed_and_deleted(
    web: Client, workspace: Workspace, eager_tasks: None, django_capture_on_commit_callbacks
) -> None:
    web.post("/contacts/fields/new/", {"label": "Größe", "type_": "choice", "choices": "S\nM\n\nL"})
    field = ContactField.objects.get()
    assert (field.key, field.choices) == ("grosse", ["S", "M", "L"])
    make_contact(workspace, attributes={"grosse": "S", "other": 1})
    refused = web.post(f"/contacts/fields/{field.pk}/", {"label": "Size", "choices": "M\nL"})
    assert refused.status_code == 422
    assert "1 contacts have “S”" in refused.content.decode()
    web.post(f"/contacts/fields/{field.pk}/", {"label": "Size", "choices": "S\nL\nXL"})
    field.refresh_from_db()
    assert (field.label, field.choices) == ("Size", ["S", "L", "XL"])
    with django_capture_on_commit_callbacks(execute=True):
        web.post(f"/contacts/fields/{field.pk}/delete/")
    assert Contact.objects.get().attributes == {"other": 1}


def test_a_reserved_merge_field_is_refused_in_the_form(web: Client) -> None:
    answer = web.post("/contacts/fields/new/", {"label": "X", "type_": "text", "key": "firstName"}, headers=HTMX)
    assert answer.status_code == 422
    assert "standard merge field" in answer.content.decode()
    assert web.post("/contacts/fields/new/", {"label": "First name", "type_": "text"}).status_code == 302
    assert ContactField.objects.get().key == "firstName2"
