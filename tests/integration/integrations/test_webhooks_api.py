"""Outgoing webhooks by the API: who may, what is refused, the secret that is shown once, and the log."""

import json

import pytest
from rest_framework.test import APIClient

from integrations.models import IdempotencyKey, WebhookDelivery, WebhookEndpoint
from integrations.services import deliver_webhooks, endpoints, save_endpoint, send_test
from team.models import Workspace
from tests.factories.team import MembershipFactory, WorkspaceFactory
from tests.integration.integrations.test_sources_api import program

URL = "/api/v1/webhooks/"
HOOK = "https://crm.example/hook"

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(db) -> Workspace:
    return WorkspaceFactory()


def test_a_webhook_is_made_with_its_secret_which_is_shown_once(workspace):
    api = program(workspace, "webhooks:write")
    answer = api.post(URL, {"url": f" {HOOK} "}, format="json")

    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    made = answer.json()
    assert (made["url"], made["events"], made["is_active"], made["problem"]) == (HOOK, ["experiment.decided"], True, "")
    assert made["secret"].startswith("whsec_")
    endpoint = WebhookEndpoint.objects.get()
    assert made["secret"] not in endpoint.secret_encrypted
    for later in (api.get(URL), api.get(f"{URL}{endpoint.pk}/"), api.patch(f"{URL}{endpoint.pk}/", {}, format="json")):
        assert later.status_code == 200
        assert "whsec_" not in later.content.decode()
    renewed = api.post(f"{URL}{endpoint.pk}/secret/")
    assert (renewed.status_code, renewed["Cache-Control"]) == (200, "no-store")
    assert renewed.json()["secret"] not in ("", made["secret"])


def test_a_webhook_is_changed_turned_off_and_deleted(workspace):
    api = program(workspace, "webhooks:write")
    endpoint, _ = save_endpoint(workspace=workspace, url=HOOK)
    waiting = send_test(endpoint)
    changed = api.patch(f"{URL}{endpoint.pk}/", {"url": f"{HOOK}2", "is_active": False}, format="json")

    assert (changed.status_code, changed.json()["url"], changed.json()["is_active"]) == (200, f"{HOOK}2", False)
    waiting.refresh_from_db()
    assert waiting.get_state_display() == "Failed"
    off = api.post(f"{URL}{endpoint.pk}/test/")
    assert (off.status_code, off.json()["detail"]) == (409, "This webhook is off. Turn it on first.")
    assert api.delete(f"{URL}{endpoint.pk}/").status_code == 204
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "url"),
        ({"url": ""}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://user:pass@example.com/"}, "url"),
        ({"url": "https://a b/"}, "url"),
        ({"url": "https://example.com/" + "x" * 2000}, "url"),
        ({"url": "https://taken.example/"}, "url"),
        ({"url": HOOK, "events": []}, "events"),
        ({"url": HOOK, "events": ["no.such"]}, "events.0"),
        ({"url": HOOK, "is_active": "perhaps"}, "is_active"),
    ],
)
def test_what_makes_no_webhook_is_refused_by_its_field(workspace, given, field):
    save_endpoint(workspace=workspace, url="https://taken.example/")
    answer = program(workspace).post(URL, given, format="json")

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert WebhookEndpoint.objects.count() == 1


def test_there_are_not_too_many(workspace, monkeypatch):
    monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 1)
    api = program(workspace)
    assert api.post(URL, {"url": HOOK}, format="json").status_code == 201
    assert api.post(URL, {"url": f"{HOOK}2"}, format="json").status_code == 409


def test_the_log_says_what_came_of_it_and_sends_it_again(workspace, settings):
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False
    api = program(workspace)
    endpoint, _ = save_endpoint(workspace=workspace, url="http://127.0.0.1:1/hook")
    sent = api.post(f"{URL}{endpoint.pk}/test/")
    assert (sent.status_code, sent.json()["state"], sent.json()["payload"]["type"]) == (202, "waiting", "webhook.test")
    resend = f"{URL}{endpoint.pk}/deliveries/{sent.json()['id']}/resend/"
    assert api.post(resend).status_code == 409  # it waits anyway
    deliver_webhooks()
    (shown,) = api.get(f"{URL}{endpoint.pk}/deliveries/").json()["results"]
    assert (shown["state"], shown["attempts"], shown["status"]) == ("waiting", 1, None)
    assert "private network" in shown["error"]
    WebhookDelivery.objects.update(state=2)
    again = api.post(resend)
    assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (202, "waiting", 0)


def test_the_scope_and_the_role_decide(workspace):
    endpoint, _ = save_endpoint(workspace=workspace, url=HOOK)
    reader, stranger = program(workspace, "webhooks:read"), program(workspace, "events:write")
    assert reader.get(URL).status_code == 200
    assert reader.get(f"{URL}{endpoint.pk}/deliveries/").status_code == 200
    assert stranger.get(URL).status_code == 403
    editor = APIClient()
    editor.force_login(MembershipFactory(workspace=workspace, role="editor").user)
    delivery = send_test(endpoint)
    for client in (reader, stranger, editor):
        assert client.post(URL, {"url": f"{HOOK}2"}, format="json").status_code == 403
        for deed in ("secret", "test", f"deliveries/{delivery.pk}/resend"):
            assert client.post(f"{URL}{endpoint.pk}/{deed}/").status_code == 403
        assert client.delete(f"{URL}{endpoint.pk}/").status_code == 403


def test_a_webhook_of_another_workspace_is_not_there(workspace):
    own, _ = save_endpoint(workspace=workspace, url=HOOK)
    foreign, _ = save_endpoint(workspace=WorkspaceFactory(), url=HOOK)
    theirs = send_test(foreign)
    api = program(workspace)

    assert [row["id"] for row in api.get(URL).json()["results"]] == [own.pk]
    for answer in (
        api.get(f"{URL}{foreign.pk}/"),
        api.patch(f"{URL}{foreign.pk}/", {"url": f"{HOOK}2"}, format="json"),
        api.post(f"{URL}{foreign.pk}/secret/"),
        api.post(f"{URL}{foreign.pk}/test/"),
        api.get(f"{URL}{foreign.pk}/deliveries/"),
        api.post(f"{URL}{foreign.pk}/deliveries/{theirs.pk}/resend/"),
        api.post(f"{URL}{own.pk}/deliveries/{theirs.pk}/resend/"),
        api.delete(f"{URL}{foreign.pk}/"),
    ):
        assert answer.status_code == 404
    assert WebhookEndpoint.objects.get(pk=foreign.pk).url == HOOK


def test_a_secret_is_kept_with_no_idempotency_key(workspace):
    api = program(workspace)
    first = api.post(URL, {"url": HOOK}, format="json", headers={"Idempotency-Key": "k"})
    again = api.post(URL, {"url": HOOK}, format="json", headers={"Idempotency-Key": "k"})

    assert first.status_code == 201
    assert (again.status_code, json.loads(again.content)["code"]) == (409, "shown_once")
    assert WebhookEndpoint.objects.count() == 1
    assert b"whsec_" not in bytes(IdempotencyKey.objects.get().body)
