"""Django admin of delivery: every model is there, the ledger can't be changed, mailboxes go through the services."""

import pytest
from django.test import Client
from django.urls import reverse

from core.encryption import decrypt
from delivery import services
from delivery.models import ApiAccount, Mailbox, OAuthLogin, SendingDomain
from team.models import Workspace
from tests.factories import delivery as make
from tests.factories.team import UserFactory
from tests.plugins.dns import NameServer
from tests.plugins.mail import SmtpSink

MODELS = ["mailbox", "mailing", "message", "batch", "attempt", "link", "linkcounter", "counter", "mailboxcounter"]
MODELS += ["sendingdomain", "dkimkey", "apiaccount", "oauthlogin"]


@pytest.fixture
def administrator(client: Client, transactional_db: None) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_a_list_and_a_page_for_one(
    administrator: Client, workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink, model: str
) -> None:
    from django.apps import apps

    smtp_sink.rcpt_replies["person0@example.com"] = "450 4.7.1 later"
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 2))
    services.dispatch_due()
    assert administrator.get(reverse(f"admin:delivery_{model}_changelist")).status_code == 200
    assert administrator.get(reverse(f"admin:delivery_{model}_changelist"), {"q": "1"}).status_code == 200
    first = apps.get_model("delivery", model).objects.first()
    if first is not None:
        assert administrator.get(reverse(f"admin:delivery_{model}_change", args=[first.pk])).status_code == 200


def test_the_ledger_can_not_be_changed(administrator: Client, workspace: Workspace, mailbox: Mailbox) -> None:
    (message_id,) = make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 1))
    url = reverse("admin:delivery_message_change", args=[message_id])
    assert administrator.post(url, {"state": 1}).status_code == 403
    assert administrator.get(reverse("admin:delivery_message_add")).status_code == 403


def test_a_mailbox_is_added_changed_tested_and_paused_in_the_admin(
    administrator: Client, workspace: Workspace, smtp_sink: SmtpSink
) -> None:
    values = {
        "workspace": workspace.pk,
        "from_email": "admin@acme.example",
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp_sink.port,
        "smtp_security": "plain",
        "smtp_password": "secret",
        "max_connections": 4,
        "on_unknown": "hold",
        "ramp_growth": 20,
        "ramp_unit": "percent",
        "ramp_target": 1000,
    }
    assert administrator.post(reverse("admin:delivery_mailbox_add"), values).status_code == 302
    mailbox = Mailbox.objects.get()
    assert mailbox.has_password
    change = reverse("admin:delivery_mailbox_change", args=[mailbox.pk])
    assert administrator.post(change, {**values, "smtp_password": "", "from_name": "Admin"}).status_code == 302
    mailbox.refresh_from_db()
    assert (mailbox.from_name, mailbox.has_password) == ("Admin", True)
    assert "secret" not in administrator.get(change).text
    listing = reverse("admin:delivery_mailbox_changelist")
    tested = administrator.post(listing, {"action": "test_connection", "_selected_action": mailbox.pk}, follow=True)
    assert "It works" in tested.text
    administrator.post(listing, {"action": "pause", "_selected_action": mailbox.pk})
    mailbox.refresh_from_db()
    assert mailbox.status == "paused"


def test_a_domain_is_added_checked_and_signed_in_the_admin(
    administrator: Client, workspace: Workspace, name_server: NameServer
) -> None:
    add = reverse("admin:delivery_sendingdomain_add")
    assert administrator.get(add).status_code == 200
    assert administrator.post(add, {"workspace": workspace.pk, "name": "News.example"}).status_code == 302
    domain = SendingDomain.objects.get(name="news.example")
    listing = reverse("admin:delivery_sendingdomain_changelist")
    selected = {"_selected_action": domain.pk}
    made = administrator.post(listing, {"action": "create_keys", **selected}, follow=True)
    assert "drumbeat1e._domainkey.news.example" in made.text
    assert (
        "wait for their records already"
        in administrator.post(listing, {"action": "create_keys", **selected}, follow=True).text
    )
    assert "has no SPF record" in administrator.post(listing, {"action": "check_dns", **selected}, follow=True).text
    page = administrator.get(reverse("admin:delivery_sendingdomain_change", args=[domain.pk]))
    assert "has no SPF record" in page.text
    key = domain.keys.get(selector="drumbeat1")
    keys = reverse("admin:delivery_dkimkey_changelist")
    shown = administrator.get(reverse("admin:delivery_dkimkey_change", args=[key.pk])).text
    assert key.public[:40] in shown
    assert key.private_encrypted not in shown
    assert (
        "signs from now on"
        in administrator.post(keys, {"action": "activate", "_selected_action": key.pk}, follow=True).text
    )
    administrator.post(reverse("admin:delivery_dkimkey_delete", args=[key.pk]), {"post": "yes"})
    assert domain.keys.count() == 1
    administrator.post(reverse("admin:delivery_sendingdomain_delete", args=[domain.pk]), {"post": "yes"})
    assert not SendingDomain.objects.filter(pk=domain.pk).exists()


def test_a_providers_account_is_set_changed_and_removed_in_the_admin(
    administrator: Client, workspace: Workspace, mailbox: Mailbox
) -> None:
    add = reverse("admin:delivery_apiaccount_add")
    values = {"mailbox": mailbox.pk, "provider": "mailgun", "api_key": "the-key", "domain": "mg.acme.example"}
    assert administrator.get(add).status_code == 200
    refused = administrator.post(add, {**values, "api_key": ""}, follow=True)
    assert "Enter the API key." in refused.text
    assert not ApiAccount.objects.exists()
    assert administrator.post(add, values).status_code == 302
    account = ApiAccount.objects.get()
    change = reverse("admin:delivery_apiaccount_change", args=[account.pk])
    assert "the-key" not in administrator.get(change).text
    assert administrator.post(change, {**values, "api_key": "", "region": "eu"}).status_code == 302
    account.refresh_from_db()
    assert (account.region, account.mailbox) == ("eu", mailbox)
    assert decrypt(account.key_encrypted, context=f"delivery.api_account:{workspace.pk}") == "the-key"
    administrator.post(reverse("admin:delivery_apiaccount_delete", args=[account.pk]), {"post": "yes"})
    assert not ApiAccount.objects.exists()


def test_an_oauth_login_is_set_changed_and_removed_in_the_admin(administrator: Client, mailbox: Mailbox) -> None:
    add = reverse("admin:delivery_oauthlogin_add")
    values = {"mailbox": mailbox.pk, "token_url": "https://login.example/token", "client_id": "c", "scope": ""}
    assert administrator.get(add).status_code == 200
    refused = administrator.post(add, values, follow=True)
    assert "Enter an access token, or a refresh token to get one with." in refused.text
    assert administrator.post(add, {**values, "refresh_token": "kept-away"}).status_code == 302
    login = OAuthLogin.objects.get()
    change = reverse("admin:delivery_oauthlogin_change", args=[login.pk])
    assert "kept-away" not in administrator.get(change).text
    assert administrator.post(change, {**values, "scope": "mail"}).status_code == 302
    login.refresh_from_db()
    assert (login.scope, login.renews) == ("mail", True)
    administrator.post(reverse("admin:delivery_oauthlogin_delete", args=[login.pk]), {"post": "yes"})
    assert not OAuthLogin.objects.exists()
