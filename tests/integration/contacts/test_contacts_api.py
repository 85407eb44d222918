"""Contacts, fields, lists and segments by the API."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from contacts import services
from contacts.models import Contact
from core import clock
from team.models import Membership, Workspace
from tests.factories.contacts import make_contact, make_contacts, make_list
from tests.integration.contacts.conftest import api_client

pytestmark = pytest.mark.django_db

ROOT = "/api/v1/"


def test_a_contact_is_created_read_changed_and_deleted(api: APIClient, workspace: Workspace) -> None:
    services.create_field(workspace=workspace, label="Plan", type_="choice", choices=["pro", "free"])
    services.create_field(workspace=workspace, label="Age", type_="number")
    list_ = make_list(workspace)
    body = {
        "email": "Ada@Example.com",
        "first_name": "Ada",
        "attributes": {"plan": "PRO", "age": "36"},
        "lists": [list_.pk],
    }
    made = api.post(f"{ROOT}contacts/", body, format="json")
    assert made.status_code == 201, made.data
    assert made.data["attributes"] == {"plan": "pro", "age": 36}
    assert made.data["lists"] == [list_.pk]
    assert made.data["suppressed"] is None
    url = f"{ROOT}contacts/{made.data['id']}/"
    changed = api.patch(url, {"attributes": {"age": None}, "lists": [], "last_name": "Lovelace"}, format="json")
    assert changed.status_code == 200, changed.data
    assert (changed.data["attributes"], changed.data["lists"], changed.data["last_name"]) == (
        {"plan": "pro"},
        [],
        "Lovelace",
    )
    services.suppress(workspace_id=workspace.pk, email="ada@example.com", reason="manual")
    assert api.get(url).data["suppressed"] == "manual"
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "taken@example.com"}, "email"),
        ({"locale": "german"}, "locale"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"first_name": "x" * 151}, "first_name"),
        ({"attributes": {"nope": 1}}, "attributes.nope"),
        ({"attributes": {"age": "old"}}, "attributes.age"),
        ({"attributes": [1]}, "attributes"),
        ({"lists": [999999]}, "lists"),
        ({"tracking": "always"}, "tracking"),
        ({"first_name": "a\x00"}, "first_name"),
    ],
)
def test_what_is_wrong_is_a_422_that_names_the_field(
    api: APIClient, workspace: Workspace, change: dict, field: str
) -> None:
    services.create_field(workspace=workspace, label="Age", type_="number")
    make_contact(workspace, "taken@example.com")
    response = api.post(f"{ROOT}contacts/", {"email": "new@example.com", **change}, format="json")
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert field in response.json()["errors"]
    assert Contact.objects.count() == 1


def test_contacts_are_filtered(api: APIClient, workspace: Workspace) -> None:
    people = make_contacts(workspace, 5)
    list_ = make_list(workspace, members=people[:2])
    segment = services.create_segment(
        workspace=workspace,
        name="S",
        definition={"conditions": [{"field": "first_name", "operator": "is", "value": "given3"}]},
    )
    services.suppress(workspace_id=workspace.pk, email="person4@example.com", reason="bounced")
    Contact.objects.filter(pk=people[0].pk).update(updated_at=clock.now() + timedelta(days=1))

    def found(**query: object) -> list[str]:
        response = api.get(f"{ROOT}contacts/", query)
        assert response.status_code == 200, response.data
        return [contact["email"].removesuffix("@example.com") for contact in response.data["results"]]

    assert found() == ["person4", "person3", "person2", "person1", "person0"]
    assert found(email="PERSON2@example.com") == ["person2"]
    assert found(list=list_.pk) == ["person1", "person0"]
    assert found(segment=segment.pk) == ["person3"]
    assert found(status="bounced") == found(status="suppressed") == ["person4"]
    assert found(status="mailable") == ["person3", "person2", "person1", "person0"]
    assert found(q="family1") == ["person1"]
    assert found(updated_since=(clock.now() + timedelta(hours=1)).isoformat()) == ["person0"]
    assert found(limit=2) == ["person4", "person3"]


@pytest.mark.parametrize(
    "query", [{"list": "x"}, {"segment": "-1"}, {"status": "happy"}, {"updated_since": "yesterday"}]
)
def test_a_filter_that_makes_no_sense_is_a_422(api: APIClient, query: dict) -> None:
    assert api.get(f"{ROOT}contacts/", query).status_code == 422


def test_pages_of_contacts_cost_a_fixed_number_of_queries(
    api: APIClient, workspace: Workspace, django_assert_max_num_queries
) -> None:
    make_list(workspace, members=make_contacts(workspace, 40))
    with django_assert_max_num_queries(4):
        assert len(api.get(f"{ROOT}contacts/", {"limit": 40}).data["results"]) == 40


def test_fields_are_made_and_changed_but_keep_key_and_type(api: APIClient) -> None:
    made = api.post(
        f"{ROOT}contact-fields/",
        {"label": "Favourite colour", "type": "choice", "choices": ["red", "blue", "Red"]},
        format="json",
    )
    assert made.status_code == 201, made.data
    assert (made.data["key"], made.data["choices"]) == ("favouriteColour", ["Red", "blue"])
    url = f"{ROOT}contact-fields/{made.data['id']}/"
    assert api.patch(url, {"label": "Colour"}, format="json").data["label"] == "Colour"
    assert api.patch(url, {"type": "text"}, format="json").status_code == 422
    assert api.patch(url, {"key": "other"}, format="json").status_code == 422
    assert api.delete(url).status_code == 204


@pytest.mark.parametrize(
    "key", ["firstName", "FIRSTNAME", "unsubscribeUrl", "campaign", "for", "1st", "a-b", "a b", "ä", "x" * 61]
)
def test_reserved_and_impossible_keys_are_refused(api: APIClient, key: str) -> None:
    response = api.post(f"{ROOT}contact-fields/", {"label": "X", "key": key}, format="json")
    assert response.status_code == 422
    assert "key" in response.json()["errors"]


def test_lists_take_and_give_members(api: APIClient, workspace: Workspace, stranger: Membership) -> None:
    people = make_contacts(workspace, 3)
    foreign = make_contact(stranger.workspace)
    made = api.post(f"{ROOT}lists/", {"name": "Readers"}, format="json")
    url = f"{ROOT}lists/{made.data['id']}/"
    ids = [person.pk for person in people] + [foreign.pk, 10**9]
    assert api.post(f"{url}members/", {"contacts": ids}, format="json").data == {"changed": 3}
    assert api.post(f"{url}members/", {"contacts": ids}, format="json").data == {"changed": 0}
    assert api.get(url).data["size"] == 3
    assert api.post(f"{url}members/remove/", {"contacts": ids[:1]}, format="json").data == {"changed": 1}
    assert api.post(f"{ROOT}lists/", {"name": " Readers "}, format="json").status_code == 422
    assert api.patch(url, {"name": ""}, format="json").status_code == 422


def test_segments_are_saved_counted_and_refused(api: APIClient, workspace: Workspace) -> None:
    make_contacts(workspace, 4)
    definition = {"match": "any", "conditions": [{"field": "last_name", "operator": "is", "value": "Family1"}]}
    made = api.post(f"{ROOT}segments/", {"name": "One", "definition": definition}, format="json")
    assert made.status_code == 201, made.data
    assert api.get(f"{ROOT}segments/{made.data['id']}/count/").data == {"count": 1}
    negated = {"definition": {"match": "none", "conditions": definition["conditions"]}}
    assert api.post(f"{ROOT}segments/count/", negated, format="json").data == {"count": 3}
    subjects = {each["key"]: each for each in api.get(f"{ROOT}segments/subjects/").data}
    assert {"email", "list", "suppression", "last_opened_at"} <= set(subjects)
    assert "in_last" in [operator["key"] for operator in subjects["last_opened_at"]["operators"]]


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        ({"match": "some", "conditions": []}, "match"),
        ({"conditions": "x"}, "conditions"),
        ({"conditions": [{"field": "nope", "operator": "is"}]}, "conditions.0.field"),
        ({"conditions": [{"field": "email", "operator": "more", "value": 1}]}, "conditions.0.operator"),
        ({"conditions": [{"field": "email", "operator": "is"}]}, "conditions.0.value"),
        (
            {"conditions": [{"conditions": [{"field": "created_at", "operator": "in_last", "value": 0}]}]},
            "conditions.0.conditions.0.value",
        ),
        ({"conditions": [{"field": "list", "operator": "in", "value": 10**9}]}, "conditions.0.value"),
        ({"conditions": [7]}, "conditions.0"),
        (
            {
                "conditions": [
                    {"conditions": [{"conditions": [{"conditions": [{"conditions": [{"conditions": []}]}]}]}]}
                ]
            },
            "conditions.0.conditions.0.conditions.0.conditions.0.conditions.0",
        ),
        ({"conditions": [{"field": "email", "operator": "ends_with", "value": "a"}] * 51}, "conditions"),
        ({"conditions": [], "limit": 5}, ""),
    ],
)
def test_a_faulty_definition_is_a_422_that_names_the_place(api: APIClient, definition: dict, path: str) -> None:
    response = api.post(f"{ROOT}segments/", {"name": "X", "definition": definition}, format="json")
    assert response.status_code == 422
    assert path in response.json()["errors"]


def test_what_a_segment_asks_about_cannot_be_deleted(api: APIClient, workspace: Workspace) -> None:
    field = services.create_field(workspace=workspace, label="Plan")
    list_ = make_list(workspace)
    services.create_segment(
        workspace=workspace,
        name="Uses both",
        definition={
            "conditions": [
                {"field": "custom.plan", "operator": "empty"},
                {"field": "list", "operator": "in", "value": list_.pk},
            ]
        },
    )
    for url in (f"{ROOT}contact-fields/{field.pk}/", f"{ROOT}lists/{list_.pk}/"):
        response = api.delete(url)
        assert response.status_code == 409
        assert "Uses both" in response.json()["detail"]


def test_suppressions_are_added_listed_and_lifted(api: APIClient) -> None:
    made = api.post(f"{ROOT}suppressions/", {"email": "Gone@Example.com", "detail": "asked by phone"}, format="json")
    assert made.status_code == 201, made.data
    assert (made.data["email"], made.data["reason"]) == ("gone@example.com", "manual")
    assert api.post(f"{ROOT}suppressions/", {"email": "nobody"}, format="json").status_code == 422
    assert len(api.get(f"{ROOT}suppressions/", {"email": "GONE@example.com"}).data["results"]) == 1
    assert len(api.get(f"{ROOT}suppressions/", {"reason": "bounced"}).data["results"]) == 0
    assert api.delete(f"{ROOT}suppressions/{made.data['id']}/").status_code == 204
    assert api.get(f"{ROOT}suppressions/").data["results"] == []


RESOURCES = ("contacts", "contact-fields", "lists", "segments", "imports", "suppressions")


@pytest.mark.parametrize("resource", RESOURCES)
def test_things_of_another_workspace_are_not_found_and_not_listed(
    api: APIClient, stranger: Membership, resource: str
) -> None:
    from tests.integration.contacts.test_pages_open import things

    ids = things(stranger.workspace)
    keyword = {
        "contacts": "contact_id",
        "contact-fields": "field_id",
        "lists": "list_id",
        "segments": "segment_id",
        "imports": "import_id",
        "suppressions": "suppression_id",
    }[resource]
    url = f"{ROOT}{resource}/{ids[keyword]}/"
    assert api.get(url).status_code == 404
    assert api.get(f"{ROOT}{resource}/").data["results"] == []
    for method in (api.patch, api.put, api.delete):
        assert method(url, {}, format="json").status_code in {404, 405}
    for action in ("members/", "members/remove/", "cancel/", "count/", "errors/"):
        assert api.post(f"{url}{action}", {"contacts": [1]}, format="json").status_code in {404, 405}
        assert api.get(f"{url}{action}").status_code in {404, 405}
    assert api.get(f"{ROOT}contacts/", {"list": ids["list_id"]}).status_code == 404
    assert api.get(f"{ROOT}contacts/", {"segment": ids["segment_id"]}).status_code == 404


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_token_needs_its_scope(workspace: Workspace, resource: str) -> None:
    assert api_client(workspace, scopes=["campaigns:write"]).get(f"{ROOT}{resource}/").status_code == 403
    reader = api_client(workspace, scopes=["contacts:read"])
    assert reader.get(f"{ROOT}{resource}/").status_code == 200
    assert reader.post(f"{ROOT}{resource}/", {}, format="json").status_code in {403, 405}
    assert APIClient().get(f"{ROOT}{resource}/").status_code == 401
    assert reader.post(f"{ROOT}segments/count/", {"definition": {}}, format="json").status_code == 200
