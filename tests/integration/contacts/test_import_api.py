import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from contacts import services
from contacts.models import Contact, Import, List
from team.models import Membership, Workspace
from tests.factories.contacts import make_list

pytestmark = pytest.mark.django_db

URL = "/api/v1/contacts/import/"
CONTENT = b"E-Mail;Vorname;Plan\nada@example.com;Ada;pro\nbo@example.com;Bo;free\nnobody;X;pro\n"


@pytest.fixture
def _plan(workspace: Workspace) -> None:
    services.create_field(workspace=workspace, label="Plan")


def post(api: APIClient, content: bytes = CONTENT, **fields: object):
    return api.post(URL, {"file": SimpleUploadedFile("people.csv", content), **fields}, format="multipart")


@pytest.mark.usefixtures("_plan")
def test_a_file_is_taken_and_followed_to_its_end(api: APIClient, workspace: Workspace) -> None:
    mapping = json.dumps({"E-Mail": "email", "1": "first_name", "Plan": "plan"})
    taken = post(api, mapping=mapping, list_name="New people")
    assert taken.status_code == 202, taken.data
    assert taken.data["status"] == "queued"
    services.run_import(taken.data["id"])
    shown = api.get(f"/api/v1/imports/{taken.data['id']}/").data
    assert (shown["status"], shown["processed"], shown["created"], shown["rejected"]) == ("completed", 3, 2, 1)
    errors = api.get(shown["errors_url"])
    assert errors.headers["Content-Type"].startswith("text/csv")
    assert "nobody" in b"".join(errors.streaming_content).decode()
    assert Contact.objects.get(email="ada@example.com").attributes == {"plan": "pro"}
    assert List.objects.get(name="New people").contacts.count() == 2


@pytest.mark.usefixtures("_plan")
def test_without_a_mapping_the_columns_are_guessed(api: APIClient, workspace: Workspace) -> None:
    list_ = make_list(workspace)
    taken = post(api, list=list_.pk)
    assert taken.data["mapping"] == {"0": "email", "1": "first_name", "2": "field:plan"}
    assert taken.data["errors_url"] is None
    assert api.post(f"/api/v1/imports/{taken.data['id']}/cancel/").data["status"] == "cancelled"
    assert api.post(f"/api/v1/imports/{taken.data['id']}/cancel/").status_code == 409


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"", {}),
        (b"PK\x03\x04", {}),
        (CONTENT, {"mapping": "no json"}),
        (CONTENT, {"mapping": "[1]"}),
        (CONTENT, {"mapping": '{"E-Mail": "phone"}'}),
        (CONTENT, {"mapping": "{}"}),
        (CONTENT, {"mapping": '{"\\ud800": "email"}'}),
        (b"a,b\n1,2\n", {}),
        (CONTENT, {"encoding": "rot13"}),
        (CONTENT, {"list": 10**9}),
        (CONTENT, {"delimiter": "#"}),
    ],
)
def test_what_cannot_be_imported_is_a_422_and_leaves_nothing_behind(
    api: APIClient, content: bytes, fields: dict
) -> None:
    response = post(api, content, **{"list_name": "Never made", **fields})
    assert response.status_code == 422, response.data
    assert not List.objects.exists()
    assert response.json()["errors"]
    assert not Import.objects.exists()


def test_a_list_of_another_workspace_is_refused(api: APIClient, stranger: Membership) -> None:
    assert post(api, list=make_list(stranger.workspace).pk).status_code == 422


def test_a_file_is_needed_and_json_is_not_taken(api: APIClient) -> None:
    assert api.post(URL, {}, format="multipart").status_code == 422
    assert api.post(URL, {"file": "x"}, format="json").status_code == 415
