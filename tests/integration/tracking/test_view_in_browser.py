"""/v/<token>: the message as it was sent."""

import pytest
from django.test import Client

from contacts.services import delete_contacts
from delivery.models import Mailing
from delivery.tokens import link_token, open_token, view_token
from tests.factories.tracking import Sent, make_link, make_sent

pytestmark = pytest.mark.django_db

SOURCE = """<html><body><p>Hello {{ firstName }}</p><p style="color: red">{{ campaign.name }}</p>
<a href="https://example.com/offer?to={{ email }}">Offer</a> <a href="https://example.com/other">Other</a>
<script>alert(1)</script>
<a href="{{ unsubscribeUrl }}">Unsubscribe</a> {{ workspace.address }}</body></html>"""


@pytest.fixture
def sent() -> Sent:
    sent = make_sent(links=0)
    sent.workspace.postal_address = "1 Main Street"
    sent.workspace.save()
    sent.mailing.source, sent.mailing.context = SOURCE, {"campaign": {"name": "Spring"}}
    sent.mailing.save()
    return sent


def test_the_message_is_shown_with_the_contacts_data(client: Client, sent: Sent):
    page = client.get(f"/v/{view_token(sent.messages[0].pk)}").content.decode()
    assert "Hello Reader 0" in page
    assert "Spring" in page
    assert "1 Main Street" in page
    assert "/u/" in page
    assert open_token(sent.messages[0].pk) not in page


def test_links_that_were_tracked_still_are(client: Client, sent: Sent):
    link = make_link(sent.mailing, "https://example.com/offer?to=reader0@example.com")
    page = client.get(f"/v/{view_token(sent.messages[0].pk)}").content.decode()
    assert f"/l/{link_token(sent.messages[0].pk, link.pk)}" in page
    assert 'href="https://example.com/other"' in page


def test_nothing_in_the_message_can_run_or_send(client: Client, sent: Sent):
    response = client.get(f"/v/{view_token(sent.messages[0].pk)}")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert not response.cookies


@pytest.mark.parametrize("gone", ["mailing", "contact"])
def test_what_is_gone_is_no_longer_available(client: Client, sent: Sent, gone: str):
    if gone == "mailing":
        Mailing.objects.get(pk=sent.mailing.pk).delete()
    else:
        delete_contacts(workspace=sent.workspace, contact_ids=[sent.contacts[0].pk])
    response = client.get(f"/v/{view_token(sent.messages[0].pk)}")
    assert response.status_code == 410
    assert b"No longer available" in response.content
    assert "sandbox" not in response.headers["Content-Security-Policy"]
    assert not response.cookies


def test_a_message_without_html_is_shown_as_text(client: Client):
    sent = make_sent(links=0)
    sent.mailing.format, sent.mailing.source = "text", "Dear {{ firstName }} <b>"
    sent.mailing.save()
    response = client.get(f"/v/{view_token(sent.messages[0].pk)}")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Dear Reader 0 <b>" in response.content.decode()


def test_a_tampered_token_is_not_found_and_post_is_refused(client: Client, sent: Sent):
    token = view_token(sent.messages[0].pk)
    assert client.get(f"/v/{token[:-1]}").status_code == 404
    assert client.get(f"/v/{open_token(sent.messages[0].pk)}").status_code == 404
    assert client.post(f"/v/{token}").status_code == 405
