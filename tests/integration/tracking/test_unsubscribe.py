"""/u/<token>: the page, its button, the mail program's button, and what scanners do to it."""

import pytest
from django.test import Client, override_settings

from contacts.models import Contact, DeletedContact, Suppression, SuppressionReason
from contacts.services import delete_contacts, suppress
from core.models import Fact
from delivery.models import Counter, Mailing
from delivery.tokens import preferences_token, unsubscribe_token
from team.models import AuditEntry, Workspace
from tests.factories.tracking import Sent, make_sent
from tracking.models import Event, EventKind

pytestmark = pytest.mark.django_db

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def url_of(sent: Sent, number: int = 0) -> str:
    return f"/u/{unsubscribe_token(sent.workspace.pk, sent.contacts[number].pk, sent.messages[number].pk)}"


def reason_of(sent: Sent, number: int = 0) -> str | None:
    found = Suppression.objects.filter(workspace=sent.workspace, email_key=sent.contacts[number].email_key).first()
    return found.reason if found else None


@pytest.fixture
def strict_client() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_the_page_changes_nothing(strict_client: Client, method: str):
    sent = make_sent()
    response = getattr(strict_client, method)(url_of(sent))
    assert response.status_code == 200
    assert reason_of(sent) is None
    assert not Event.objects.filter(mailing_id=sent.mailing.pk).exists()
    sent.messages[0].refresh_from_db()
    assert sent.messages[0].unsubscribed_at is None


def test_the_page_veils_the_address_and_keeps_its_url_to_itself(strict_client: Client):
    sent = make_sent()
    response = strict_client.get(url_of(sent))
    page = response.content.decode()
    assert sent.contacts[0].email not in page
    assert "r•••@example.com" in page
    assert sent.workspace.name in page
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers["Cache-Control"]
    assert not response.cookies
    assert "<script" not in page.replace('<script src="/static/js/theme.js">', "")


def test_the_button_unsubscribes_workspace_wide(strict_client: Client):
    sent = make_sent()
    response = strict_client.post(url_of(sent), {"action": "unsubscribe"})
    assert (response.status_code, response.headers["Location"]) == (303, url_of(sent))
    assert not response.cookies
    assert reason_of(sent) == SuppressionReason.UNSUBSCRIBED
    sent.messages[0].refresh_from_db()
    event = Event.objects.get(mailing_id=sent.mailing.pk)
    assert (event.kind, event.reason) == (EventKind.UNSUBSCRIBED, "page")
    assert (event.message_id, event.contact_id, event.ip) == (sent.messages[0].pk, sent.contacts[0].pk, None)
    assert sent.messages[0].unsubscribed_at == event.occurred_at
    assert Counter.objects.get(mailing=sent.mailing).unsubscribed == 1
    assert b"You are unsubscribed" in strict_client.get(url_of(sent)).content


@pytest.mark.parametrize("content", ["urlencoded", "multipart"])
def test_the_mail_programs_button_needs_no_cookie_and_gets_no_redirect(strict_client: Client, content: str):
    sent = make_sent()
    if content == "multipart":
        response = strict_client.post(url_of(sent), ONE_CLICK)
    else:
        body = "List-Unsubscribe=One-Click"
        response = strict_client.post(url_of(sent), body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 200
    assert not response.cookies
    assert reason_of(sent) == SuppressionReason.UNSUBSCRIBED
    assert Event.objects.get(mailing_id=sent.mailing.pk).reason == "one_click"


def test_a_post_without_its_body_is_meant_to_unsubscribe_as_well(strict_client: Client):
    sent = make_sent()
    assert strict_client.post(url_of(sent)).status_code == 200
    assert reason_of(sent) == SuppressionReason.UNSUBSCRIBED


def test_unsubscribing_twice_counts_once(strict_client: Client):
    sent = make_sent()
    for data in (ONE_CLICK, ONE_CLICK, {"action": "unsubscribe"}):
        strict_client.post(url_of(sent), data)
    assert Event.objects.filter(mailing_id=sent.mailing.pk).count() == 1
    assert Counter.objects.get(mailing=sent.mailing).unsubscribed == 1
    assert Fact.objects.filter(kind="tracking.Unsubscribed").count() == 1


def test_the_person_is_the_actor_in_the_audit_trail(strict_client: Client):
    sent = make_sent()
    strict_client.post(url_of(sent), ONE_CLICK)
    entries = AuditEntry.objects.filter(workspace_id=sent.workspace.pk, table="contacts_suppression")
    assert [entry.actor for entry in entries] in ([], [f"contact:{sent.contacts[0].pk}"])


def test_a_mistake_can_be_undone(strict_client: Client):
    sent = make_sent()
    strict_client.post(url_of(sent), {"action": "unsubscribe"})
    assert b"by mistake" in strict_client.get(url_of(sent)).content
    assert strict_client.post(url_of(sent), {"action": "undo"}).status_code == 303
    assert reason_of(sent) is None
    sent.messages[0].refresh_from_db()
    assert sent.messages[0].unsubscribed_at is None
    assert Counter.objects.get(mailing=sent.mailing).unsubscribed == 0
    assert Fact.objects.filter(kind="tracking.Resubscribed").count() == 1
    assert b'value="unsubscribe"' in strict_client.get(url_of(sent)).content


@pytest.mark.parametrize("reason", [SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED, SuppressionReason.MANUAL])
def test_only_ones_own_unsubscription_can_be_undone(strict_client: Client, reason: str):
    sent = make_sent()
    suppress(workspace_id=sent.workspace.pk, email=sent.contacts[0].email, reason=reason)
    assert b"by mistake" not in strict_client.get(url_of(sent)).content
    strict_client.post(url_of(sent), {"action": "undo"})
    assert reason_of(sent) == reason


def test_another_workspaces_suppressions_are_untouched(strict_client: Client):
    sent = make_sent()
    other = make_sent()
    assert sent.contacts[0].email_key == other.contacts[0].email_key
    strict_client.post(url_of(sent), ONE_CLICK)
    assert reason_of(sent) is not None
    assert reason_of(other) is None


def test_a_token_that_mixes_workspaces_suppresses_nobody(strict_client: Client):
    sent, other = make_sent(), make_sent()
    token = unsubscribe_token(sent.workspace.pk, other.contacts[0].pk, 0)
    assert strict_client.get(f"/u/{token}").status_code == 410
    strict_client.post(f"/u/{token}", ONE_CLICK)
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: t[:-3], lambda t: t + "A"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_tampered_token_is_not_found_and_changes_nothing(strict_client: Client, change, method: str):
    sent = make_sent()
    response = getattr(strict_client, method)(change(url_of(sent)))
    assert response.status_code == 404
    assert b"incomplete" in response.content
    assert not Suppression.objects.exists()


def test_a_token_of_the_preferences_page_unsubscribes_nobody(strict_client: Client):
    sent = make_sent()
    token = preferences_token(sent.workspace.pk, sent.contacts[0].pk, sent.messages[0].pk)
    assert strict_client.post(f"/u/{token}", ONE_CLICK).status_code == 404
    assert reason_of(sent) is None


def test_the_token_works_when_the_message_is_gone(strict_client: Client):
    sent = make_sent()
    url = url_of(sent)
    Mailing.objects.get(pk=sent.mailing.pk).delete()
    assert strict_client.post(url, ONE_CLICK).status_code == 200
    assert reason_of(sent) == SuppressionReason.UNSUBSCRIBED
    assert not Event.objects.filter(mailing_id=sent.mailing.pk).exists()


def test_the_token_works_when_the_contact_is_gone(strict_client: Client):
    sent = make_sent()
    delete_contacts(workspace=sent.workspace, contact_ids=[sent.contacts[0].pk])
    assert strict_client.get(url_of(sent)).status_code == 200
    assert strict_client.post(url_of(sent), ONE_CLICK).status_code == 200
    assert DeletedContact.objects.get(contact_id=sent.contacts[0].pk).unsubscribed_at is not None
    assert b"You are unsubscribed" in strict_client.get(url_of(sent)).content


def test_the_token_of_a_workspace_that_is_gone_shows_a_friendly_page(strict_client: Client):
    token = unsubscribe_token(Workspace.objects.count() + 10_000, 1, 1)
    response = strict_client.get(f"/u/{token}")
    assert response.status_code == 410
    assert b"no more mail will come" in response.content
    assert strict_client.post(f"/u/{token}", ONE_CLICK).status_code == 200


def test_a_test_message_has_nothing_to_unsubscribe_from(strict_client: Client):
    sent = make_sent()
    token = unsubscribe_token(sent.workspace.pk, 0, sent.messages[0].pk)
    assert b"test message" in strict_client.get(f"/u/{token}").content
    assert strict_client.post(f"/u/{token}", ONE_CLICK).status_code == 200
    sent.messages[0].refresh_from_db()
    assert sent.messages[0].unsubscribed_at is None


def test_the_token_survives_a_new_secret_key(strict_client: Client, settings):
    sent = make_sent()
    url = url_of(sent)
    former = settings.SECRET_KEY
    with override_settings(SECRET_KEY="a new key that was set yesterday, long enough", SECRET_KEY_FALLBACKS=[former]):
        assert strict_client.post(url, ONE_CLICK).status_code == 200
    assert reason_of(sent) == SuppressionReason.UNSUBSCRIBED
    with override_settings(SECRET_KEY="a new key that was set yesterday, long enough", SECRET_KEY_FALLBACKS=[]):
        assert strict_client.get(url).status_code == 404


def test_contacts_stay_in_the_workspace(strict_client: Client):
    sent = make_sent()
    strict_client.post(url_of(sent), ONE_CLICK)
    assert Contact.objects.filter(pk=sent.contacts[0].pk).exists()
