"""/p/<token>: the recipient chooses how opens and clicks are kept."""

from datetime import timedelta

import pytest
from django.test import Client

from contacts.models import TrackingMode
from contacts.services import delete_contacts
from delivery.models import Counter, LinkCounter
from delivery.tokens import preferences_token, unsubscribe_token
from tests.factories.tracking import SENT_AT, Sent, make_hit, make_sent
from tracking import services
from tracking.models import Event

pytestmark = pytest.mark.django_db


def url_of(sent: Sent) -> str:
    return f"/p/{preferences_token(sent.workspace.pk, sent.contacts[0].pk, sent.messages[0].pk)}"


@pytest.fixture
def strict_client() -> Client:
    return Client(enforce_csrf_checks=True)


def test_the_page_shows_the_present_choice_and_sets_no_cookie(strict_client: Client):
    sent = make_sent(mode=TrackingMode.AGGREGATE)
    response = strict_client.get(url_of(sent))
    assert response.status_code == 200
    assert not response.cookies
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    checked = [line for line in response.content.decode().split("<input") if "checked" in line]
    assert len(checked) == 1
    assert 'value="aggregate"' in checked[0]


@pytest.mark.parametrize("mode", TrackingMode.values)
def test_a_choice_is_kept(strict_client: Client, mode: str):
    sent = make_sent()
    response = strict_client.post(url_of(sent), {"tracking": mode})
    assert response.status_code == 303
    sent.contacts[0].refresh_from_db()
    assert sent.contacts[0].tracking == mode
    assert b"Saved" in strict_client.get(response.headers["Location"]).content


def test_anything_else_is_refused(strict_client: Client):
    sent = make_sent()
    response = strict_client.post(url_of(sent), {"tracking": "everything"})
    assert response.status_code == 422
    sent.contacts[0].refresh_from_db()
    assert sent.contacts[0].tracking == TrackingMode.INDIVIDUAL


def test_a_contact_who_is_gone_has_nothing_to_choose(strict_client: Client):
    sent = make_sent()
    delete_contacts(workspace=sent.workspace, contact_ids=[sent.contacts[0].pk])
    response = strict_client.get(url_of(sent))
    assert b"nothing to choose" in response.content
    assert strict_client.post(url_of(sent), {"tracking": "off"}).status_code == 200


def test_a_token_of_another_workspace_reaches_nobody(strict_client: Client):
    sent, other = make_sent(), make_sent()
    token = preferences_token(other.workspace.pk, sent.contacts[0].pk, 0)
    strict_client.post(f"/p/{token}", {"tracking": "off"})
    sent.contacts[0].refresh_from_db()
    assert sent.contacts[0].tracking == TrackingMode.INDIVIDUAL


def test_a_tampered_or_foreign_token_is_not_found(strict_client: Client):
    sent = make_sent()
    token = unsubscribe_token(sent.workspace.pk, sent.contacts[0].pk, sent.messages[0].pk)
    assert strict_client.get(f"/p/{token}").status_code == 404
    assert strict_client.get(url_of(sent)[:-1]).status_code == 404


def test_off_is_kept_by_the_pixel_too():
    sent = make_sent(mode=TrackingMode.OFF)
    services.record_hits([make_hit(sent.messages[0], SENT_AT), make_hit(sent.messages[0], SENT_AT, link=sent.links[0])])
    assert not Event.objects.exists()
    assert not Counter.objects.filter(mailing=sent.mailing).exists()


def test_only_counting_leaves_no_trace_of_the_person():
    sent = make_sent(mode=TrackingMode.AGGREGATE)
    message = sent.messages[0]
    services.record_hits(
        [
            make_hit(message, SENT_AT + timedelta(seconds=n), link=link)
            for n, link in enumerate((0, 0, sent.links[0].pk))
        ]
    )
    for event in Event.objects.all():
        assert (event.message_id, event.contact_id, event.ip, event.user_agent) == (None, None, None, "")
    counter = Counter.objects.get(mailing=sent.mailing)
    assert (counter.opens_human, counter.opens_all, counter.clicks_human, counter.clicks_all) == (2, 2, 1, 1)
    assert (counter.opened_human, counter.opened_any, counter.clicked_human, counter.clicked_any) == (0, 0, 0, 0)
    link = LinkCounter.objects.get(link=sent.links[0])
    assert (link.clicks_human, link.clicks_all, link.clicked_human, link.clicked_any) == (1, 1, 0, 0)
    message.refresh_from_db()
    assert (message.opened_any_at, message.clicked_any_at) == (None, None)
    sent.contacts[0].refresh_from_db()
    assert (sent.contacts[0].last_opened_at, sent.contacts[0].last_clicked_at) == (None, None)


def test_events_of_a_deleted_contact_lead_to_nobody_and_still_count():
    sent = make_sent()
    services.record_hits([make_hit(sent.messages[0], SENT_AT)])
    delete_contacts(workspace=sent.workspace, contact_ids=[sent.contacts[0].pk])
    event = Event.objects.get()
    assert (event.contact_id, event.ip, event.user_agent) == (None, None, "")
    assert Counter.objects.get(mailing=sent.mailing).opened_human == 1
    services.record_hits([make_hit(sent.messages[0], SENT_AT + timedelta(hours=1))])
    assert Event.objects.filter(message_id=None, contact_id=None).count() == 1
