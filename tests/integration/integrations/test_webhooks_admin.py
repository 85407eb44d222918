"""Outgoing webhooks in Django admin: looked at, their secrets never; what is over can be sent again."""

import pytest
from django.urls import reverse

from integrations.models import DeliveryState, WebhookDelivery
from integrations.services import renew_endpoint_secret, save_endpoint, send_test
from tests.factories.team import UserFactory, WorkspaceFactory


@pytest.mark.django_db
def test_webhooks_and_their_log_are_shown_and_what_is_over_is_sent_again(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    endpoint, secret = save_endpoint(workspace=WorkspaceFactory(), url="https://crm.example/hook")
    renew_endpoint_secret(endpoint)
    endpoint.refresh_from_db()
    over, waiting = send_test(endpoint), send_test(endpoint)
    WebhookDelivery.objects.filter(pk=over.pk).update(state=DeliveryState.FAILED, attempts=10)

    listed = client.get(reverse("admin:integrations_webhookendpoint_changelist"), {"q": "CRM"}).content.decode()
    assert "crm.example" in listed
    page = reverse("admin:integrations_webhookendpoint_change", args=[endpoint.pk])
    shown = client.get(page).content.decode()
    for hidden in (secret, endpoint.secret_encrypted, endpoint.old_secret_encrypted):
        assert hidden not in shown
    assert client.post(page, {"url": "https://other.example/"}).status_code == 403
    log = reverse("admin:integrations_webhookdelivery_changelist")
    answer = client.post(log, {"action": "resend", "_selected_action": [over.pk, waiting.pk]}, follow=True)
    assert f"{waiting.pk}: It is tried again by itself." in answer.content.decode()
    assert "1 will be sent again" in answer.content.decode()
    over.refresh_from_db()
    assert (over.state, over.attempts) == (DeliveryState.WAITING, 0)
