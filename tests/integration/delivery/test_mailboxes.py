"""Mailboxes by web page and API: added, tested, paused, removed; the password never comes out."""

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from core.encryption import decrypt
from delivery import services
from delivery.models import Batch, Mailbox, Message
from team.models import Role, Workspace
from tests.factories import delivery as make
from tests.factories.team import ApiTokenFactory, MembershipFactory, UserFactory
from tests.integration.delivery.hostile import Conversation, HostileServer, hostile_server, self_signed
from tests.plugins.mail import SmtpSink, free_port

SETTINGS = {
    "from_email": "new@acme.example",
    "from_name": "New",
    "smtp_host": "127.0.0.1",
    "smtp_port": 2525,
    "smtp_security": "plain",
    "max_connections": 4,
    "on_unknown": "hold",
    "smtp_verify": "on",
}


def member(client: Client, workspace: Workspace, role: str = Role.OWNER) -> Client:
    user = UserFactory()
    MembershipFactory(workspace=workspace, user=user, role=role)
    client.force_login(user)
    return client


def api(workspace: Workspace, *scopes: str) -> dict[str, str]:
    token = ApiTokenFactory(workspace=workspace, scopes=list(scopes))
    return {"HTTP_AUTHORIZATION": f"Bearer {token.secret}"}  # type: ignore[attr-defined]


def test_a_mailbox_is_added_from_a_preset_and_its_password_is_encrypted(client: Client, workspace: Workspace) -> None:
    member(client, workspace)
    page = client.get(reverse("delivery:new_mailbox"), {"preset": "gmail"})
    assert "smtp.gmail.com" in page.text
    answer = client.post(
        reverse("delivery:new_mailbox"), {**SETTINGS, "smtp_username": "me", "smtp_password": "s3cret pass "}
    )
    assert answer.status_code == 302
    mailbox = Mailbox.objects.get()
    assert "s3cret" not in mailbox.smtp_password_encrypted
    assert decrypt(mailbox.smtp_password_encrypted, context=f"delivery.mailbox:{workspace.pk}") == "s3cret pass "
    for url in (reverse("delivery:mailboxes"), reverse("delivery:edit_mailbox", args=[mailbox.pk])):
        page = client.get(url)
        assert page.status_code == 200
        assert "s3cret" not in page.text
        assert mailbox.smtp_password_encrypted not in page.text


def test_an_empty_password_keeps_the_stored_one(client: Client, workspace: Workspace) -> None:
    member(client, workspace)
    mailbox = make.make_mailbox(workspace, smtp_username="me", smtp_password="secret")
    client.post(reverse("delivery:edit_mailbox", args=[mailbox.pk]), {**SETTINGS, "smtp_username": "me"})
    mailbox.refresh_from_db()
    assert mailbox.from_email == "new@acme.example"
    assert mailbox.has_password


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("from_email", "not an address"),
        ("from_email", "ada@acme.example"),
        ("smtp_host", "http://smtp.example.com/"),
        ("smtp_port", "70000"),
        ("max_connections", "0"),
        ("smtp_security", "maybe"),
    ],
)
def test_what_can_not_be_used_is_said_beside_its_field(
    client: Client, workspace: Workspace, field: str, value: str
) -> None:
    member(client, workspace)
    make.make_mailbox(workspace)
    answer = client.post(reverse("delivery:new_mailbox"), {**SETTINGS, field: value}, HTTP_HX_REQUEST="true")
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert Mailbox.objects.count() == 1


def test_the_form_tests_what_it_holds_before_it_is_saved(
    client: Client, workspace: Workspace, smtp_sink: SmtpSink
) -> None:
    member(client, workspace)
    url = reverse("delivery:try_new_settings")
    good = client.post(url, {**SETTINGS, "smtp_port": smtp_sink.port}, HTTP_HX_REQUEST="true")
    assert "It works" in good.text
    bad = client.post(url, {**SETTINGS, "smtp_port": free_port()}, HTTP_HX_REQUEST="true")
    assert "Connection refused" in bad.text
    unfilled = client.post(url, {**SETTINGS, "smtp_host": ""}, HTTP_HX_REQUEST="true")
    assert "Fill in" in unfilled.text
    assert not Mailbox.objects.exists()


def test_its_own_server_is_tested_even_while_all_mail_goes_to_the_sandbox(
    client: Client, workspace: Workspace, smtp_sink: SmtpSink, settings: LazySettings
) -> None:
    settings.EMAIL_SANDBOX = (smtp_sink.host, smtp_sink.port)
    member(client, workspace)
    url = reverse("delivery:try_new_settings")
    good = client.post(url, {**SETTINGS, "smtp_port": smtp_sink.port}, HTTP_HX_REQUEST="true")
    assert "sandbox inbox" in good.text
    bad = client.post(url, {**SETTINGS, "smtp_port": free_port()}, HTTP_HX_REQUEST="true")
    assert "Connection refused" in bad.text
    assert smtp_sink.messages == []


def test_an_analyst_looks_and_changes_nothing(client: Client, workspace: Workspace) -> None:
    member(client, workspace, Role.ANALYST)
    mailbox = make.make_mailbox(workspace)
    assert client.get(reverse("delivery:mailboxes")).status_code == 200
    assert client.get(reverse("delivery:edit_mailbox", args=[mailbox.pk])).status_code == 403
    assert client.post(reverse("delivery:pause_mailbox", args=[mailbox.pk])).status_code == 403


def test_mailboxes_of_another_workspace_are_not_there(client: Client, workspace: Workspace) -> None:
    member(client, workspace)
    foreign = make.make_mailbox(make.make_workspace("other"))
    for name in ("edit_mailbox", "try_settings", "pause_mailbox", "resume_mailbox", "delete_mailbox"):
        assert client.post(reverse(f"delivery:{name}", args=[foreign.pk]), SETTINGS).status_code == 404
    headers = api(workspace)
    for path in ("", "test/", "pause/", "resume/"):
        url = f"/api/v1/mailboxes/{foreign.pk}/{path}"
        answer = (
            client.post(url, {}, content_type="application/json", **headers) if path else client.get(url, **headers)
        )
        assert answer.status_code == 404
    assert client.delete(f"/api/v1/mailboxes/{foreign.pk}/", **headers).status_code == 404
    foreign.refresh_from_db()
    assert foreign.status == "active"


def test_a_mailbox_is_paused_and_resumed_by_its_page(client: Client, workspace: Workspace) -> None:
    member(client, workspace)
    mailbox = make.make_mailbox(workspace)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 1))
    client.post(reverse("delivery:pause_mailbox", args=[mailbox.pk]))
    assert Batch.objects.get().state == Batch.State.HELD
    assert "Paused by" in client.get(reverse("delivery:mailboxes")).text
    client.post(reverse("delivery:resume_mailbox", args=[mailbox.pk]))
    assert Batch.objects.get().state == Batch.State.QUEUED
    assert client.post(reverse("delivery:resume_mailbox", args=[mailbox.pk])).status_code == 409


def test_a_mailbox_with_waiting_mail_can_not_be_removed_and_one_that_has_sent_is_kept_for_its_messages(
    client: Client, workspace: Workspace, smtp_sink: SmtpSink
) -> None:
    member(client, workspace)
    mailbox = make.make_mailbox(workspace, port=smtp_sink.port, smtp_password="x")
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 1))
    assert client.post(reverse("delivery:delete_mailbox", args=[mailbox.pk])).status_code == 409
    services.dispatch_due()
    assert client.post(reverse("delivery:delete_mailbox", args=[mailbox.pk])).status_code == 302
    mailbox.refresh_from_db()
    assert mailbox.archived_at is not None
    assert not mailbox.has_password
    assert Message.objects.count() == 1
    assert "was removed" in client.get(reverse("delivery:mailboxes")).text
    assert mailbox.from_email not in client.get(reverse("delivery:mailboxes")).text
    again = make.make_mailbox(workspace)
    services.delete_mailbox(again)
    assert not Mailbox.objects.filter(pk=again.pk).exists()


def test_the_api_makes_changes_tests_and_removes_mailboxes(
    client: Client, workspace: Workspace, smtp_sink: SmtpSink
) -> None:
    headers = api(workspace, "mailboxes:write")
    body = {
        "from_email": "api@acme.example",
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp_sink.port,
        "smtp_security": "plain",
        "smtp_password": "secret",
    }
    made = client.post("/api/v1/mailboxes/", body, content_type="application/json", **headers)
    assert made.status_code == 201, made.text
    assert made.json()["has_password"] is True
    assert "smtp_password" not in made.json()
    url = f"/api/v1/mailboxes/{made.json()['id']}/"
    assert "It works" in client.post(f"{url}test/", **headers).json()["detail"]
    changed = client.patch(url, {"smtp_port": free_port()}, content_type="application/json", **headers)
    assert changed.status_code == 200
    refused = client.post(f"{url}test/", **headers)
    assert refused.status_code == 422
    assert refused.json()["code"] == "connect"
    assert "Connection refused" in refused.json()["detail"]
    assert client.post(f"{url}pause/", {}, content_type="application/json", **headers).json()["status"] == "paused"
    assert client.post(f"{url}resume/", **headers).json()["status"] == "active"
    assert client.post(f"{url}resume/", **headers).status_code == 409
    assert client.delete(url, **headers).status_code == 204
    assert client.get(url, **headers).status_code == 404
    twice = client.post(
        "/api/v1/mailboxes/", {**body, "smtp_host": "no host"}, content_type="application/json", **headers
    )
    assert twice.status_code == 422
    assert "smtp_host" in twice.json()["errors"]


def test_a_token_without_the_scope_is_refused(client: Client, workspace: Workspace) -> None:
    assert client.get("/api/v1/mailboxes/", **api(workspace, "contacts:read")).status_code == 403
    assert client.post("/api/v1/mailboxes/", {}, **api(workspace, "mailboxes:read")).status_code == 403


def test_a_mailboxs_changes_are_in_the_audit_trail_without_its_password(workspace: Workspace) -> None:
    from team.models import AuditEntry

    mailbox = make.make_mailbox(workspace, smtp_password="secret")
    services.update_mailbox(mailbox, smtp_password="another", from_name="Changed")
    entries = AuditEntry.objects.filter(table="delivery_mailbox").order_by("pk")
    assert [entry.action for entry in entries] == ["INSERT", "UPDATE"]
    assert (entries[1].after or {})["from_name"] == "Changed"
    assert mailbox.smtp_password_encrypted not in str([entry.after for entry in entries])


def tls_server(context, *, from_the_start: bool):
    def script(server: HostileServer, talk: Conversation) -> None:
        if from_the_start:
            talk.socket = context.wrap_socket(talk.socket, server_side=True)
        else:
            talk.greet("STARTTLS")
            assert talk.line() == "STARTTLS"
            talk.say("220 go")
            talk.socket = context.wrap_socket(talk.socket, server_side=True)
        if from_the_start:
            talk.greet("PIPELINING", "AUTH PLAIN LOGIN")
        else:
            talk.line()
            talk.say("250-hostile.example", "250-PIPELINING", "250 AUTH LOGIN")
        if talk.line() == "AUTH LOGIN":
            talk.say("334 VXNlcm5hbWU6")
            talk.line()
            talk.say("334 UGFzc3dvcmQ6")
            talk.line()
        talk.say("235 2.7.0 welcome")
        server.obey_all(talk)

    return hostile_server(script)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_mail_goes_over_tls_and_a_certificate_that_nobody_knows_is_refused_unless_allowed(
    workspace: Workspace, tmp_path, security: str
) -> None:
    with tls_server(self_signed(tmp_path), from_the_start=security == "tls") as server:
        mailbox = make.make_mailbox(
            workspace,
            port=server.port,
            smtp_host="localhost",
            smtp_security=security,
            smtp_username="me",
            smtp_password="secret",
        )
        with pytest.raises(services.mailboxes.ConnectionTestError, match="certificate is not trusted"):
            services.test_connection(mailbox)
        services.update_mailbox(mailbox, smtp_verify=False)
        assert "logged in" in services.test_connection(mailbox)
        make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 20))
        services.dispatch_due()
        assert len(server.taken) == 20


def test_a_server_without_starttls_never_hears_the_password(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    mailbox = make.make_mailbox(
        workspace, port=smtp_sink.port, smtp_security="starttls", smtp_username="me", smtp_password="secret"
    )
    with pytest.raises(services.mailboxes.ConnectionTestError, match="STARTTLS") as refusal:
        services.test_connection(mailbox)
    assert refusal.value.code == "starttls"


def test_a_password_of_lost_keys_pauses_the_mailbox_and_keeps_the_mail(
    workspace: Workspace, smtp_sink: SmtpSink, settings
) -> None:
    mailbox = make.make_mailbox(workspace, port=smtp_sink.port, smtp_username="me", smtp_password="secret")
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 2))
    settings.ENCRYPTION_KEYS = ["BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB="]
    services.dispatch_due()
    mailbox.refresh_from_db()
    assert mailbox.status == "paused"
    assert "Enter it again" in mailbox.paused_reason
    services.update_mailbox(mailbox, smtp_username="", smtp_password="")
    services.resume_mailbox(mailbox.pk)
    services.dispatch_due()
    assert len(smtp_sink.messages) == 2
