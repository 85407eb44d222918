"""Mailboxes that log in by an access token, against a token endpoint and an SMTP server that know each other."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from django.db import connection
from django.test import Client
from django.urls import reverse

from core import clock
from core.exceptions import InvalidInput
from delivery import oauth, reasons, services
from delivery.exceptions import ConnectionTestError
from delivery.models import Mailbox, Message, MessageState, OAuthLogin, OAuthToken
from team.models import Role, Workspace
from tests.factories import delivery as make
from tests.integration.delivery.test_mailboxes import api, member
from tests.plugins.mail import SmtpSink, SmtpSinkHandler, free_port

SECRETS = {"client_secret": "the-secret", "refresh_token": "refresh-0"}


@dataclass
class Provider:
    """A provider's two ends: `valid` are the access tokens that its SMTP server takes; `answer` replaces the endpoint's."""

    token_url: str
    smtp_port: int
    valid: set[str] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)
    answer: tuple[int, Any] | None = None
    lifetime: int = 3600
    delay: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def grant(self, form: dict[str, str]) -> tuple[int, Any]:
        """Exchange a refresh token, each of which works once, as Microsoft's do."""
        with self.lock:
            self.asked.append(form)
            number = len(self.asked)
        time.sleep(self.delay)
        if self.answer is not None:
            return self.answer
        known = {"client_id": "the-client", "client_secret": "the-secret", "refresh_token": f"refresh-{number - 1}"}
        if form != {**known, "grant_type": "refresh_token"}:
            return 400, {"error": "invalid_grant", "error_description": "The token was revoked."}
        token = f"access-{number}"
        self.valid.add(token)
        return 200, {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "refresh_token": f"refresh-{number}",
        }


class _Endpoint(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base's
        """Say nothing."""

    def do_POST(self) -> None:
        server: Any = self.server
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        status, said = server.provider.grant(form)
        content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Handler(SmtpSinkHandler):
    provider: Provider

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802 - the name is aiosmtpd's
        response = base64.b64decode(args[1]).decode()
        user, bearer = response.split("\1")[:2]
        good = user == "user=ada@acme.example" and bearer.removeprefix("auth=Bearer ") in self.provider.valid
        return AuthResult(success=good, handled=False)


@pytest.fixture
def provider(smtp_sink: SmtpSink) -> Iterator[Provider]:
    endpoint = ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    found = Provider(f"http://127.0.0.1:{endpoint.server_address[1]}/token", free_port())
    endpoint.provider = found
    threading.Thread(target=endpoint.serve_forever, args=(0.05,), daemon=True).start()
    handler = _Handler(smtp_sink)
    handler.provider = found
    options = {"auth_require_tls": False, "enable_SMTPUTF8": True}
    smtp = Controller(handler, hostname="127.0.0.1", port=found.smtp_port, **options)
    smtp.start()
    yield found
    smtp.stop(no_assert=True)
    endpoint.shutdown()
    endpoint.server_close()


@pytest.fixture
def mailbox(workspace: Workspace, provider: Provider) -> Mailbox:
    return make.make_mailbox(workspace, port=provider.smtp_port)


def renewing(mailbox: Mailbox, provider: Provider, **changes: str) -> OAuthLogin:
    values = {"token_url": provider.token_url, "client_id": "the-client", **SECRETS, **changes}
    return services.set_oauth_login(mailbox, **values)


def send(mailbox: Mailbox, count: int = 1) -> list[Message]:
    people = make.make_contacts(mailbox.workspace, count, prefix=f"p{Message.objects.count()}-")
    ids = make.queue(make.make_mailing(mailbox.workspace), mailbox, people)
    services.dispatch_due()
    return list(Message.objects.filter(pk__in=ids).order_by("pk"))


def states(messages: list[Message]) -> set[MessageState]:
    return {MessageState(message.state) for message in messages}


def test_a_token_given_by_hand_logs_in(mailbox: Mailbox, provider: Provider, smtp_sink: SmtpSink) -> None:
    provider.valid.add("by-hand")
    services.set_oauth_login(mailbox, access_token=" by-hand ")
    assert states(send(mailbox, 3)) == {MessageState.ACCEPTED}
    assert len(smtp_sink.messages) == 3
    assert "logged in" in services.test_connection(mailbox)
    assert not provider.asked


def test_a_refresh_token_gets_a_token_once_and_again_before_it_expires(mailbox: Mailbox, provider: Provider) -> None:
    renewing(mailbox, provider)
    assert states(send(mailbox)) == states(send(mailbox)) == {MessageState.ACCEPTED}
    assert len(provider.asked) == 1
    # Four minutes are left: it would still be good, but is renewed in time, with the refresh token that came with it.
    OAuthToken.objects.update(expires_at=clock.now() + timedelta(minutes=4))
    assert states(send(mailbox)) == {MessageState.ACCEPTED}
    assert [form["refresh_token"] for form in provider.asked] == ["refresh-0", "refresh-1"]
    assert OAuthToken.objects.filter(expires_at__gt=clock.now() + timedelta(minutes=50)).exists()


def test_an_endpoint_that_refuses_pauses_the_mailbox_with_its_reason(mailbox: Mailbox, provider: Provider) -> None:
    renewing(mailbox, provider, refresh_token="revoked")
    (message,) = send(mailbox)
    mailbox.refresh_from_db()
    assert (mailbox.status, message.state) == (Mailbox.Status.PAUSED, MessageState.QUEUED)
    assert mailbox.paused_reason == "127.0.0.1 refuses to renew the access token: The token was revoked."
    provider.asked.clear()
    renewing(mailbox, provider)
    services.resume_mailbox(mailbox.pk)
    services.dispatch_due()
    message.refresh_from_db()
    assert message.state == MessageState.ACCEPTED


@pytest.mark.parametrize("answer", [(503, "busy"), (200, "no JSON"), (400, {"error": "temporarily_unavailable"})])
def test_an_endpoint_that_is_away_is_asked_again_later(
    mailbox: Mailbox, provider: Provider, answer: tuple[int, Any]
) -> None:
    renewing(mailbox, provider)
    provider.answer = answer if answer[0] != 200 else (502, answer[1])
    (message,) = send(mailbox)
    mailbox.refresh_from_db()
    assert (mailbox.status, message.state) == (Mailbox.Status.ACTIVE, MessageState.DEFERRED)
    assert message.reason == reasons.SERVER_UNREACHABLE
    assert mailbox.retry_at is not None
    assert "token endpoint 127.0.0.1" in mailbox.last_error
    # While the old token is good nothing waits for the endpoint, and it is not asked for each batch.
    provider.valid.add("still-good")
    renewing(mailbox, provider, access_token="still-good")
    OAuthToken.objects.update(expires_at=clock.now() + timedelta(minutes=2))
    before = len(provider.asked)
    services.dispatch_due()
    assert states(send(mailbox)) == {MessageState.ACCEPTED}
    assert len(provider.asked) == before + 1


def test_a_token_that_is_refused_though_it_seemed_good_is_renewed(mailbox: Mailbox, provider: Provider) -> None:
    renewing(mailbox, provider)
    send(mailbox)
    provider.valid.clear()
    OAuthToken.objects.update(obtained_at=clock.now() - timedelta(minutes=10))
    services.dispatch_due()  # lets go of the connection that is logged in
    (message,) = send(mailbox)
    mailbox.refresh_from_db()
    assert (mailbox.status, message.state) == (Mailbox.Status.ACTIVE, MessageState.DEFERRED)
    services.update_mailbox(mailbox)  # as its moment of the next try would
    services.dispatch_due()
    message.refresh_from_db()
    assert message.state == MessageState.ACCEPTED
    # A new one that is refused as well is nobody's accident.
    provider.valid.clear()
    services.dispatch_due()
    send(mailbox)
    mailbox.refresh_from_db()
    assert mailbox.status == Mailbox.Status.PAUSED


def test_a_token_without_a_successor_pauses_when_it_expires(mailbox: Mailbox) -> None:
    services.set_oauth_login(mailbox, access_token="by-hand")
    OAuthToken.objects.update(expires_at=clock.now())
    send(mailbox)
    mailbox.refresh_from_db()
    assert "The access token has expired." in mailbox.paused_reason


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_renews_and_all_get_its_token(mailbox: Mailbox, provider: Provider) -> None:
    login = renewing(mailbox, provider)
    provider.delay = 0.5

    def token(_: int) -> str:
        try:
            return oauth.access_token(login)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(token, range(6))) == {"access-1"}
    assert len(provider.asked) == 1


def test_secrets_are_encrypted_and_not_kept_for_another_address(mailbox: Mailbox, provider: Provider) -> None:
    login = renewing(mailbox, provider)
    stored = [login.client_secret_encrypted, *OAuthToken.objects.values_list("refresh_encrypted", flat=True)]
    assert all(stored)
    assert not any(secret in text for secret in SECRETS.values() for text in stored)
    services.set_oauth_login(mailbox, token_url=provider.token_url, client_id="other")
    assert OAuthToken.objects.get().refresh_encrypted == stored[1]
    with pytest.raises(InvalidInput) as refused:
        services.set_oauth_login(mailbox, token_url="https://evil.example/token", client_id="other")
    assert set(refused.value.fields) == {"refresh_token", "client_secret"}
    services.delete_mailbox(mailbox)
    assert not OAuthToken.objects.exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "access_token"),
        ({"refresh_token": "r", "client_id": "c"}, "token_url"),
        ({"refresh_token": "r", "token_url": "https://login.example/token"}, "client_id"),
        ({"access_token": "t", "token_url": "http://login.example/token"}, "token_url"),
        ({"access_token": "t", "token_url": "https://user:pw@login.example/"}, "token_url"),
        ({"access_token": "two\nlines"}, "access_token"),
    ],
)
def test_what_can_not_work_is_refused_at_its_field(mailbox: Mailbox, values: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.set_oauth_login(mailbox, **values)
    assert set(refused.value.fields) == {field}


def test_it_is_set_shown_without_secrets_tested_and_removed_on_its_page(
    client: Client, workspace: Workspace, mailbox: Mailbox, provider: Provider
) -> None:
    member(client, workspace)
    url = reverse("delivery:oauth_login", args=[mailbox.pk])
    assert client.post(url, {"client_id": "the-client"}).status_code == 422
    values = {"token_url": provider.token_url, "client_id": "the-client"}
    assert client.post(url, {**values, **SECRETS}).status_code == 302
    page = client.get(url).text
    assert "the-client" in page
    assert not any(secret in page for secret in SECRETS.values())
    assert client.post(url, values).status_code == 302  # what is left empty stays
    assert "logged in" in services.test_connection(mailbox)
    assert "An OAuth access token." in client.get(reverse("delivery:edit_mailbox", args=[mailbox.pk])).text
    client.post(reverse("delivery:remove_oauth_login", args=[mailbox.pk]))
    assert not OAuthLogin.objects.exists()
    foreign = make.make_mailbox(make.make_workspace("other"))
    for name in ("oauth_login", "remove_oauth_login"):
        assert client.post(reverse(f"delivery:{name}", args=[foreign.pk]), values).status_code == 404
    assert member(client, workspace, Role.EDITOR).get(url).status_code == 403


def test_the_api_sets_shows_and_removes_it(
    client: Client, workspace: Workspace, mailbox: Mailbox, provider: Provider
) -> None:
    headers = api(workspace, "mailboxes:write")
    url = f"/api/v1/mailboxes/{mailbox.pk}/oauth/"
    values = {"token_url": provider.token_url, "client_id": "the-client", **SECRETS}
    made = client.post(url, values, content_type="application/json", **headers)
    assert made.status_code == 200
    assert made.json()["oauth"] == {
        "token_url": provider.token_url,
        "client_id": "the-client",
        "scope": "",
        "renews": True,
        "expires_at": None,
    }
    assert client.post(url, {}, content_type="application/json", **headers).status_code == 422
    assert client.delete(url, **headers).json()["oauth"] is None
    foreign = make.make_mailbox(make.make_workspace("other"))
    other = f"/api/v1/mailboxes/{foreign.pk}/oauth/"
    assert client.post(other, values, content_type="application/json", **headers).status_code == 404
    assert client.delete(other, **headers).status_code == 404


def test_a_test_of_the_connection_says_why_there_is_no_token(mailbox: Mailbox, provider: Provider) -> None:
    renewing(mailbox, provider, client_secret="wrong")
    with pytest.raises(ConnectionTestError, match="refuses to renew") as refused:
        services.test_connection(mailbox)
    assert refused.value.code == "token"
