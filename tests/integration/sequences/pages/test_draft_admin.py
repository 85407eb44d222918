"""A draft's steps as a document in Django admin."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from campaigns.models import Campaign
from sequences import selectors, services
from team.models import User
from tests.factories.campaigns import make_campaign
from tests.factories.sequences import SOURCE
from tests.factories.team import WorkspaceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign() -> Campaign:
    steps = [{"key": "hello", "kind": "email", "subject": "Hello", "format": "html", "source": SOURCE}]
    return make_campaign(WorkspaceFactory(), kind="drip", steps=steps)


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser(email="root@example.com", password="x" * 16))
    return client


def send(admin: Client, url: str, **values: Any) -> Any:
    """Send the page's form with its hidden fields, which the inlines want."""
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', admin.get(url).text))
    hidden.pop("csrfmiddlewaretoken", None)
    return admin.post(url, hidden | values)


def test_the_document_of_a_draft_is_shown_changed_and_can_be_undone(admin: Client, campaign: Campaign) -> None:
    draft = campaign.sequence.versions.get()
    url = f"/admin/sequences/version/{draft.pk}/change/"
    assert "&quot;hello&quot;" in admin.get(url).text
    document = [*services.fragment_of(campaign.sequence, lane="root"), {"kind": "wait", "wait": "P1D"}]
    answer = send(admin, url, document=json.dumps(document), seen=draft.revision)
    assert answer.status_code == 302, answer.text
    assert [step.kind for step in selectors.steps_in_order(draft)] == ["email", "wait"]
    services.undo(campaign.sequence)
    assert [step.kind for step in selectors.steps_in_order(draft)] == ["email"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "valid JSON"),
        ('[{"kind": "wait", "wait": "soon"}]', "Step 1 (wait)"),
        ('{"kind": "wait"}', "given as a list"),
    ],
)
def test_a_document_that_is_wrong_is_refused_and_stays_on_the_page(
    admin: Client, campaign: Campaign, text: str, said: str
) -> None:
    draft = campaign.sequence.versions.get()
    answer = send(admin, f"/admin/sequences/version/{draft.pk}/change/", document=text, seen=draft.revision)
    assert answer.status_code == 200
    assert said in answer.text
    assert [step.kind for step in selectors.steps_in_order(draft)] == ["email"]


def test_what_is_published_has_no_field_to_change_it(admin: Client, campaign: Campaign) -> None:
    live = services.publish(campaign.sequence)
    page = admin.get(f"/admin/sequences/version/{live.pk}/change/")
    assert page.status_code == 200
    assert 'name="document"' not in page.text
