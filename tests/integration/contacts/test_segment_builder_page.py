"""The segment builder, gesture by gesture."""

import re
from typing import Any

import pytest
from django.test import Client

from contacts import services
from contacts.models import Segment
from team.models import Workspace
from tests.factories.contacts import make_contacts, make_list

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
BUILD = "/contacts/segments/build/"


def form_of(page: str) -> dict[str, Any]:
    """Return what a browser would send: every input and selected option of the builder."""
    data: dict[str, Any] = {"node": re.findall(r'name="node" value="([^"]+)"', page)}
    for name, body in re.findall(r'<select[^>]*? name="(r[^"]*)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.findall(r'<option value="([^"]*)" selected', body)
        data[name] = chosen or re.findall(r'<option value="([^"]*)"', body)[:1]
    for name, value in re.findall(r'<input class="form-control[^>]*? name="(r[^"]*)" value="([^"]*)"', page):
        data[name] = value
    return data


def test_a_tree_is_built_counted_and_saved(web: Client, workspace: Workspace) -> None:
    make_contacts(workspace, 7)
    data = form_of(web.get("/contacts/segments/new/").content.decode())
    page = web.post(BUILD, {**data, "action": "add-group:r"}, headers=HTMX).content.decode()
    assert "<html" not in page
    data = form_of(page)
    assert data["node"] == ["r.0", "r.1", "r.1.0"]
    data |= {"r.1.0.field": "email", "r.1.match": "none"}
    page = web.post(BUILD, data, headers=HTMX).content.decode()
    data = form_of(page) | {"r.1.0.operator": "starts_with", "r.1.0.value": "person1@"}
    assert "<strong>6</strong>" in web.post("/contacts/segments/count/", data, headers=HTMX).content.decode()
    saved = web.post("/contacts/segments/new/", {**data, "name": "All but one"})
    assert saved.status_code == 302
    segment = Segment.objects.get()
    assert segment.definition == {
        "match": "all",
        "conditions": [
            {"field": "first_name", "operator": "not_empty"},
            {"match": "none", "conditions": [{"field": "email", "operator": "starts_with", "value": "person1@"}]},
        ],
    }
    again = form_of(web.get(f"/contacts/segments/{segment.pk}/").content.decode())
    assert again["r.1.0.value"] == "person1@"
    assert web.get(f"/contacts/segments/{segment.pk}/count/", headers=HTMX).content == b"6"


def test_a_change_of_subject_brings_its_own_operators_and_inputs(web: Client, workspace: Workspace) -> None:
    list_ = make_list(workspace)
    services.create_field(workspace=workspace, label="Plan", type_="choice", choices=["pro", "free"])
    base = {"r.match": "all", "node": ["r.0"], "r.0.operator": "contains", "r.0.value": "x"}
    for field, part in {
        "list": f'<option value="{list_.pk}"',
        "custom.plan": '<option value="pro"',
        "created_at": 'type="number"',
        "suppression": "can get mail",
    }.items():
        page = web.post(BUILD, {**base, "r.0.field": field}, headers=HTMX).content.decode()
        assert part in page


def test_conditions_and_groups_are_removed_and_nonsense_is_survived(web: Client) -> None:
    data = {
        "r.match": "all",
        "node": ["r.0", "r.1", "r.1.0"],
        "r.0.field": "email",
        "r.0.operator": "empty",
        "r.1.match": "any",
        "r.1.0.field": "company",
        "r.1.0.operator": "empty",
    }
    assert form_of(web.post(BUILD, {**data, "action": "remove:r.0"}, headers=HTMX).content.decode())["node"] == [
        "r.0",
        "r.0.0",
    ]
    assert form_of(web.post(BUILD, {**data, "action": "remove:r.1"}, headers=HTMX).content.decode())["node"] == ["r.0"]
    for action in ("remove:r", "remove:r.9", "add-condition:r.0", "add-group:r.7.7", "explode:r", "remove:", ":"):
        assert web.post(BUILD, {**data, "action": action}, headers=HTMX).status_code == 200
    assert web.post(BUILD, {"node": ["x", "r.0.0", "..", "r.5"]}, headers=HTMX).status_code == 200
    assert web.post(BUILD, {}, headers=HTMX).status_code == 200


def test_an_incomplete_condition_is_not_counted_and_not_saved(web: Client) -> None:
    data = {"name": "X", "r.match": "all", "node": ["r.0"], "r.0.field": "email", "r.0.operator": "is", "r.0.value": ""}
    assert "Complete the conditions" in web.post("/contacts/segments/count/", data, headers=HTMX).content.decode()
    answer = web.post("/contacts/segments/new/", data, headers=HTMX)
    assert answer.status_code == 422
    assert "Fill this in." in answer.content.decode()
    assert not Segment.objects.exists()


def test_without_scripts_the_buttons_of_the_builder_work_too(web: Client) -> None:
    data = {
        "name": "Kept",
        "r.match": "any",
        "node": ["r.0"],
        "r.0.field": "email",
        "r.0.operator": "empty",
        "action": "add-condition:r",
    }
    page = web.post("/contacts/segments/new/", data).content.decode()
    assert form_of(page)["node"] == ["r.0", "r.1"]
    assert 'value="Kept"' in page
    assert not Segment.objects.exists()


def test_names_are_needed_and_unique(web: Client, workspace: Workspace) -> None:
    services.create_segment(workspace=workspace, name="Taken", definition={})
    data = {"r.match": "all"}
    assert web.post("/contacts/segments/new/", {**data, "name": ""}).status_code == 422
    taken = web.post("/contacts/segments/new/", {**data, "name": "Taken"})
    assert taken.status_code == 422
    assert "Another segment" in taken.content.decode()
