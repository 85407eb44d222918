"""Sources of incoming webhooks by the API: who may, what is refused, and the secret that is shown once."""

import json

import pytest
from rest_framework.test import APIClient

from integrations.models import EventSource, IdempotencyKey
from integrations.services import save_source
from team.models import Workspace
from tests.factories.team import ApiTokenFactory, MembershipFactory, WorkspaceFactory
from tests.integration.integrations.test_incoming_webhooks import send

URL = "/api/v1/event-sources/"
FILLED = {"name": "Shop", "email_path": "data.customer.email", "prefix": "shop."}

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(db) -> Workspace:
    return WorkspaceFactory()


def program(workspace, *scopes) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace, scopes=list(scopes)).secret}")
    return client


def test_a_source_is_made_with_its_secret_which_is_shown_once(client, workspace):
    api = program(workspace, "webhooks:write")
    answer = api.post(URL, FILLED, format="json")

    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    made = answer.json()
    assert (made["name"], made["event_path"], made["is_active"], made["problem"]) == ("Shop", "type", True, "")
    source = EventSource.objects.get()
    assert made["url"].endswith(f"/hooks/{source.token}/")
    assert send(client, (source, made["secret"])).status_code == 202
    for later in (api.get(URL), api.get(f"{URL}{source.pk}/"), api.patch(f"{URL}{source.pk}/", {}, format="json")):
        assert later.status_code == 200
        assert "whsec_" not in later.content.decode()
    assert api.get(f"{URL}{source.pk}/").json()["received_at"]


def test_another_secret_takes_the_place_of_the_first(client, workspace):
    source, old = save_source(workspace=workspace, name="Shop", email_path="data.customer.email")
    new = program(workspace).post(f"{URL}{source.pk}/secret/")

    assert new.status_code == 200
    assert "no-store" in new["Cache-Control"]
    assert send(client, (source, old)).status_code == 401
    assert send(client, (source, new.json()["secret"])).status_code == 202


def test_a_source_is_changed_turned_off_and_deleted(client, workspace):
    api = program(workspace, "webhooks:write")
    source, secret = save_source(workspace=workspace, name="Shop", email_path="data.customer.email")
    changed = api.patch(f"{URL}{source.pk}/", {"name": " Till ", "is_active": False}, format="json")

    assert (changed.status_code, changed.json()["name"], changed.json()["is_active"]) == (200, "Till", False)
    assert send(client, (source, secret)).status_code == 404
    assert api.delete(f"{URL}{source.pk}/").status_code == 204
    assert not EventSource.objects.exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "Taken"}, "name"),
        ({"name": "Shop", "event_path": ""}, "event_path"),
        ({"name": "Shop", "email_path": "x" * 201}, "email_path"),
        ({"name": "Shop", "prefix": "x" * 41}, "prefix"),
        ({"name": "Shop", "is_active": "perhaps"}, "is_active"),
    ],
)
def test_what_makes_no_source_is_refused_by_its_field(workspace, given, field):
    save_source(workspace=workspace, name="Taken")
    answer = program(workspace).post(URL, given, format="json")

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert EventSource.objects.count() == 1


def test_the_scope_and_the_role_decide(workspace):
    source, _ = save_source(workspace=workspace, name="Shop")
    reader, stranger = program(workspace, "webhooks:read"), program(workspace, "events:write")
    assert reader.get(URL).status_code == 200
    assert stranger.get(URL).status_code == 403
    editor = APIClient()
    editor.force_login(MembershipFactory(workspace=workspace, role="editor").user)
    for client in (reader, stranger, editor):
        assert client.post(URL, FILLED, format="json").status_code == 403
        assert client.post(f"{URL}{source.pk}/secret/").status_code == 403
        assert client.delete(f"{URL}{source.pk}/").status_code == 403


def test_a_source_of_another_workspace_is_not_there(workspace):
    save_source(workspace=workspace, name="Shop")
    foreign, _ = save_source(workspace=WorkspaceFactory(), name="Theirs")
    api = program(workspace)

    assert [row["name"] for row in api.get(URL).json()["results"]] == ["Shop"]
    for answer in (
        api.get(f"{URL}{foreign.pk}/"),
        api.patch(f"{URL}{foreign.pk}/", {"name": "Ours"}, format="json"),
        api.post(f"{URL}{foreign.pk}/secret/"),
        api.delete(f"{URL}{foreign.pk}/"),
    ):
        assert answer.status_code == 404
    assert EventSource.objects.get(pk=foreign.pk).name == "Theirs"


def test_a_secret_is_kept_with_no_idempotency_key(workspace):
    api = program(workspace)
    first = api.post(URL, FILLED, format="json", headers={"Idempotency-Key": "k"})
    again = api.post(URL, FILLED, format="json", headers={"Idempotency-Key": "k"})

    assert first.status_code == 201
    assert (again.status_code, json.loads(again.content)["code"]) == (409, "shown_once")
    assert again["Idempotent-Replayed"] == "true"
    assert EventSource.objects.count() == 1
    assert b"whsec_" not in bytes(IdempotencyKey.objects.get().body)
