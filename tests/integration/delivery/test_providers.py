"""Mail through a provider's HTTP API: the same ledger, the same stops, the same classes of answers."""

import re

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from contacts.models import Suppression
from core.encryption import decrypt
from core.exceptions import InvalidInput
from delivery import reasons, services
from delivery.domains.stored import subject_of
from delivery.exceptions import ConnectionTestError
from delivery.models import ApiAccount, Mailbox, Message, MessageState, SendingDomain
from team.models import Workspace
from tests.factories import delivery as make
from tests.integration.delivery.test_mailboxes import api, member
from tests.plugins.esp import KEY, EspServer
from tests.plugins.mail import SmtpSink, free_port

PROVIDERS = ["postmark", "sendgrid", "mailgun"]


def make_mailbox(workspace: Workspace, provider: str = "postmark", *, key: str = KEY, **values: object) -> Mailbox:
    names = {"from_email": "ada@acme.example", "from_name": "Ada at Acme", **values}
    return services.create_api_mailbox(workspace=workspace, provider=provider, api_key=key, **names)


def send(workspace: Workspace, mailbox: Mailbox, count: int = 1, **content: str) -> list[Message]:
    ids = make.queue(make.make_mailing(workspace, **content), mailbox, make.make_contacts(workspace, count))
    services.dispatch_due()
    return list(Message.objects.filter(pk__in=ids).order_by("pk"))


def flat(body: object) -> str:
    return str(body)


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, (pattern, text)
    return match[0]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_contact_gets_one_message_of_their_own(workspace: Workspace, esp_server: EspServer, provider: str) -> None:
    mailbox = make_mailbox(workspace, provider, reply_to="post@acme.example")
    sent = send(workspace, mailbox, 12, source=make.SOURCE.replace("Hello", "Grüße,"))
    assert {MessageState(message.state) for message in sent} == {MessageState.ACCEPTED}
    assert len(esp_server.posted) == 12
    bodies = {found(r"person\d+@example\.com", flat(posted.body)): flat(posted.body) for posted in esp_server.posted}
    assert len(bodies) == 12
    for number in range(12):
        body = bodies[f"person{number}@example.com"]
        assert f"Hello Given{number}" in body
        assert "Grüße, Given" in body
        assert "List-Unsubscribe" in body
        assert "List-Unsubscribe=One-Click" in body
        assert "post@acme.example" in body
        assert "Ada at Acme" in body
        assert found(r"<[0-9a-f]{32}@acme\.example>", body)
        assert "DKIM-Signature" not in body
    assert all(message.reply_text.startswith("2.0.0") for message in sent if message.reply_text)


ANSWERS: dict[str, list[tuple[int, object]]] = {
    "no such address": [(422, {"ErrorCode": 300, "Message": "Invalid 'To' address: 'person0@example.com'."})],
    "bounced before": [(422, {"ErrorCode": 406, "Message": "You tried to send to a recipient that has been marked as inactive. Found inactive addresses: person0@example.com. Inactive recipients are ones that have generated a hard bounce or a spam complaint."})],
    "too fast": [(429, {"Message": "Too many requests"})],
    "away": [(503, {"Message": "Maintenance"})],
    "broken": [(500, {"Message": "Internal error"})],
    "not ours": [(422, {"ErrorCode": 400, "Message": "The 'From' address you supplied is not a Sender Signature on your account."})],
    "bad": [(422, {"ErrorCode": 403, "Message": "Invalid JSON"})],
    "large": [(413, {"Message": "Too large"})],
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "state", "reason", "suppressed", "paused"),
    [
        ("no such address", MessageState.FAILED, reasons.HARD_BOUNCE, True, False),
        ("bounced before", MessageState.FAILED, reasons.REJECTED, False, False),
        ("too fast", MessageState.DEFERRED, reasons.THROTTLED, False, False),
        ("away", MessageState.DEFERRED, reasons.TEMPORARY_FAILURE, False, False),
        ("broken", MessageState.UNKNOWN, reasons.REPLY_LOST, False, False),
        ("not ours", MessageState.DEFERRED, reasons.SENDER_FAULT, False, True),
        ("bad", MessageState.FAILED, reasons.REJECTED, False, False),
        ("large", MessageState.FAILED, reasons.TOO_LARGE, False, False),
    ],
)
def test_a_providers_answer_is_classed_like_a_servers_reply(
    workspace: Workspace, esp_server: EspServer, what: str, state: int, reason: str, suppressed: bool, paused: bool
) -> None:
    mailbox = make_mailbox(workspace)
    esp_server.answer = lambda posted: ANSWERS[what][0]
    (message,) = send(workspace, mailbox)
    mailbox.refresh_from_db()
    assert (MessageState(message.state), message.reason) == (state, reason)
    assert Suppression.objects.exists() == suppressed
    assert (mailbox.status == Mailbox.Status.PAUSED) == paused


def test_a_key_that_is_refused_pauses_the_mailbox_and_loses_nothing(
    workspace: Workspace, esp_server: EspServer
) -> None:
    mailbox = make_mailbox(workspace, key="wrong")
    sent = send(workspace, mailbox, 3)
    mailbox.refresh_from_db()
    assert mailbox.status == Mailbox.Status.PAUSED
    assert "The API key is refused" in mailbox.paused_reason
    assert {MessageState(message.state) for message in sent} <= {MessageState.QUEUED, MessageState.DEFERRED}


def test_a_provider_that_is_away_is_tried_again_later(
    workspace: Workspace, esp_server: EspServer, settings: LazySettings
) -> None:
    settings.ANYMAIL = {"POSTMARK_API_URL": f"http://127.0.0.1:{free_port()}/"}
    mailbox = make_mailbox(workspace)
    sent = send(workspace, mailbox, 3)
    mailbox.refresh_from_db()
    assert mailbox.retry_at is not None
    assert {MessageState(message.state) for message in sent} <= {MessageState.QUEUED, MessageState.DEFERRED}


def test_a_hang_up_after_the_request_leaves_the_message_in_doubt(workspace: Workspace, esp_server: EspServer) -> None:
    esp_server.answer = lambda posted: "cut"
    (message,) = send(workspace, make_mailbox(workspace))
    assert (MessageState(message.state), message.reason) == (MessageState.UNKNOWN, reasons.REPLY_LOST)
    assert len(esp_server.posted) == 1


def test_no_more_requests_are_under_way_than_allowed(workspace: Workspace, esp_server: EspServer) -> None:
    esp_server.delay = 0.05
    sent = send(workspace, make_mailbox(workspace, max_connections=3), 12)
    assert {MessageState(message.state) for message in sent} == {MessageState.ACCEPTED}
    assert 1 < esp_server.most_busy <= 3


def test_a_domain_with_keys_does_not_sign_what_a_provider_rewrites(workspace: Workspace, esp_server: EspServer) -> None:
    mailbox = make_mailbox(workspace)
    for key in services.create_dkim_keys(SendingDomain.objects.get()):
        services.activate_dkim_key(key)
    send(workspace, mailbox)
    assert "DKIM" not in flat(esp_server.posted[0].body)


def test_a_mailbox_goes_back_to_its_server_and_all_mail_to_the_sandbox(
    workspace: Workspace, esp_server: EspServer, smtp_sink: SmtpSink, settings: LazySettings
) -> None:
    mailbox = make.make_mailbox(workspace, port=smtp_sink.port)
    services.set_api_account(mailbox, provider="postmark", api_key=KEY)
    contacts = make.make_contacts(workspace, 3)
    mailing = make.make_mailing(workspace)
    make.queue(mailing, mailbox, contacts[:1])
    services.dispatch_due()
    assert (len(esp_server.posted), len(smtp_sink.messages)) == (1, 0)
    services.remove_api_account(mailbox)
    make.queue(mailing, mailbox, contacts[1:2])
    services.dispatch_due()
    assert (len(esp_server.posted), len(smtp_sink.messages)) == (1, 1)
    services.set_api_account(mailbox, provider="postmark", api_key=KEY)
    settings.EMAIL_SANDBOX = (smtp_sink.host, smtp_sink.port)
    make.queue(mailing, mailbox, contacts[2:])
    services.dispatch_due()
    assert (len(esp_server.posted), len(smtp_sink.messages)) == (1, 2)


def test_the_dns_is_asked_about_the_provider_not_about_the_server_that_is_unused(workspace: Workspace) -> None:
    mailbox = make.make_mailbox(workspace, smtp_host="smtp.acme.example")
    domain = SendingDomain.objects.get()
    assert subject_of(domain).hosts == ["smtp.acme.example"]
    services.set_api_account(mailbox, provider="mailgun", api_key=KEY)
    assert subject_of(domain).hosts == ["api.mailgun.net"]


def test_the_key_is_encrypted_kept_and_destroyed(workspace: Workspace, esp_server: EspServer) -> None:
    mailbox = make_mailbox(workspace, "mailgun")
    account = ApiAccount.objects.get()
    assert KEY not in account.key_encrypted
    assert decrypt(account.key_encrypted, context=f"delivery.api_account:{workspace.pk}") == KEY
    assert account.domain == "acme.example"
    services.set_api_account(mailbox, provider="mailgun", domain="mg.acme.example", region="eu")
    changed = ApiAccount.objects.get()
    assert (changed.domain, changed.region, changed.key_encrypted) == ("mg.acme.example", "eu", account.key_encrypted)
    for bad in (
        {"provider": "pigeon", "api_key": KEY},
        {"provider": "postmark"},
        {"provider": "postmark", "api_key": KEY, "region": "moon"},
        {"provider": "mailgun", "domain": "nowhere"},
    ):
        with pytest.raises(InvalidInput):
            services.set_api_account(mailbox, **bad)
    services.remove_api_account(mailbox)
    assert not ApiAccount.objects.exists()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_connection_test_asks_the_api(workspace: Workspace, esp_server: EspServer, provider: str) -> None:
    mailbox = make_mailbox(workspace, provider)
    assert "takes the API key" in services.test_connection(mailbox)
    services.set_api_account(mailbox, provider=provider, api_key="wrong")
    with pytest.raises(ConnectionTestError, match="The API key is refused"):
        services.test_connection(mailbox)
    assert not esp_server.posted


def test_an_account_is_set_tested_and_removed_on_its_page(
    client: Client, workspace: Workspace, esp_server: EspServer
) -> None:
    member(client, workspace)
    made = client.post(
        reverse("delivery:new_api_mailbox"),
        {"from_email": "new@acme.example", "from_name": "New", "provider": "postmark", "api_key": KEY},
    )
    assert made.status_code == 302
    mailbox = Mailbox.objects.get(from_email="new@acme.example")
    url = reverse("delivery:api_account", args=[mailbox.pk])
    page = client.get(url).text
    assert KEY not in page
    assert ApiAccount.objects.get().key_encrypted not in page
    assert client.post(url, {"provider": "sendgrid", "api_key": ""}).status_code == 422
    client.post(url, {"provider": "sendgrid", "api_key": KEY, "region": "eu"})
    assert ApiAccount.objects.get().region == "eu"
    client.post(reverse("delivery:remove_api_account", args=[mailbox.pk]))
    assert not ApiAccount.objects.exists()
    foreign = make.make_mailbox(make.make_workspace("other"))
    for name in ("api_account", "remove_api_account"):
        assert client.post(reverse(f"delivery:{name}", args=[foreign.pk]), {"provider": "postmark"}).status_code == 404


def test_the_api_sets_and_removes_an_account(client: Client, workspace: Workspace, esp_server: EspServer) -> None:
    mailbox = make.make_mailbox(workspace)
    headers = api(workspace, "mailboxes:write")
    url = f"/api/v1/mailboxes/{mailbox.pk}/account/"
    body = {"provider": "postmark", "api_key": KEY}
    set_ = client.post(url, body, content_type="application/json", **headers)
    assert set_.status_code == 200, set_.content
    assert set_.json()["account"] == {"provider": "postmark", "domain": "", "region": ""}
    assert KEY not in set_.text
    refused = client.post(url, {"provider": "pigeon"}, content_type="application/json", **headers)
    assert refused.status_code == 422
    removed = client.delete(url, **headers)
    assert (removed.status_code, removed.json()["account"]) == (200, None)
