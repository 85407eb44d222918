"""The pages of outgoing webhooks: made, tried, sent again, and nobody else's."""

import pytest
from django.test import Client

from integrations.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from integrations.services import deliver_webhooks, save_endpoint, send_test
from team.models import Workspace
from tests.factories.team import MembershipFactory, WorkspaceFactory

URL = "/webhooks/outgoing/"
FILLED = {"url": "https://crm.example/hook", "events": ["experiment.decided"], "is_active": "on"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(db) -> Workspace:
    return WorkspaceFactory()


@pytest.fixture
def web(client: Client, workspace: Workspace) -> Client:
    client.force_login(MembershipFactory(workspace=workspace, role="admin").user)
    return client


def test_a_webhook_is_made_and_its_secret_is_shown_once(web):
    assert "No webhook yet" in web.get(URL).content.decode()
    wrongs: list[dict[str, object]] = [{"url": ""}, {"url": "ftp://x.example/"}, {"events": []}]
    for wrong in wrongs:
        assert web.post(f"{URL}new/", FILLED | wrong).status_code == 422
    made = web.post(f"{URL}new/", FILLED)
    assert "whsec_" in made.content.decode()
    assert made["Cache-Control"] == "no-store"
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.events == ["experiment.decided"]
    for page in (URL, f"{URL}{endpoint.pk}/"):
        shown = web.get(page).content.decode()
        assert "crm.example" in shown
        assert "whsec_" not in shown
    assert "whsec_" in web.post(f"{URL}{endpoint.pk}/secret/").content.decode()


def test_a_test_is_sent_and_the_log_says_what_came_of_it(web, workspace, settings):
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False
    endpoint, _ = save_endpoint(workspace=workspace, url="http://127.0.0.1:1/hook")
    page = web.post(f"{URL}{endpoint.pk}/test/", follow=True).content.decode()
    assert "webhook.test" in page
    assert f'hx-get="{URL}{endpoint.pk}/log/"' in page  # it is looked at until the first try was made
    deliver_webhooks()
    log = web.get(f"{URL}{endpoint.pk}/log/").content.decode()
    assert "private network" in log
    assert "hx-get" not in log
    delivery = WebhookDelivery.objects.get()
    again = f"{URL}{endpoint.pk}/log/{delivery.pk}/resend/"
    assert "It is tried again by itself." in web.post(again, follow=True).content.decode()
    WebhookDelivery.objects.update(state=DeliveryState.FAILED)
    web.post(again)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.WAITING, 0)


def test_a_webhook_is_turned_off_and_on_and_deleted(web, workspace):
    endpoint, _ = save_endpoint(workspace=workspace, url="https://crm.example/hook")
    WebhookEndpoint.objects.update(is_active=False, problem="Nothing got through since then.")
    page = f"{URL}{endpoint.pk}/"
    assert "Nothing got through since then." in web.get(page).content.decode()
    assert web.post(page, FILLED).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.problem) == (True, "")
    assert web.post(page, {**FILLED, "is_active": ""}).status_code == 302
    refused = web.post(f"{page}test/", follow=True).content.decode()
    assert "This webhook is off." in refused
    web.post(f"{page}delete/")
    assert not WebhookEndpoint.objects.exists()


def test_webhooks_are_for_admins_of_their_workspace(client, workspace):
    endpoint, _ = save_endpoint(workspace=workspace, url="https://crm.example/hook")
    delivery = send_test(endpoint)
    client.force_login(MembershipFactory(workspace=workspace, role="editor").user)
    assert client.get(URL).status_code == 403
    client.force_login(MembershipFactory(role="owner").user)
    assert "crm.example" not in client.get(URL).content.decode()
    for path in ("", "log/"):
        assert client.get(f"{URL}{endpoint.pk}/{path}").status_code == 404
    for path in ("", "secret/", "test/", "delete/", f"log/{delivery.pk}/resend/"):
        assert client.post(f"{URL}{endpoint.pk}/{path}", FILLED).status_code == 404
    own, _ = save_endpoint(workspace=WorkspaceFactory(), url="https://other.example/")
    assert own.deliveries.count() == 0
