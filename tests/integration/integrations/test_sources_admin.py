"""Sources of incoming webhooks in Django admin: looked at, their secrets never."""

import pytest
from django.urls import reverse

from integrations.services import save_source
from tests.factories.team import UserFactory, WorkspaceFactory


@pytest.mark.django_db
def test_a_source_is_shown_without_its_secret_and_its_address_and_can_not_be_changed(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    source, secret = save_source(workspace=WorkspaceFactory(), name="Shop")
    page = reverse("admin:integrations_eventsource_change", args=[source.pk])

    assert "Shop" in client.get(reverse("admin:integrations_eventsource_changelist"), {"q": "sho"}).content.decode()
    shown = client.get(page).content.decode()
    for hidden in (secret, source.secret_encrypted, source.token):
        assert hidden not in shown
    assert client.post(page, {"name": "Other"}).status_code == 403
    assert client.post(reverse("admin:integrations_eventsource_add"), {"name": "New"}).status_code == 403
