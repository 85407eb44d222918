"""Sending domains by web page: their records shown and checked, their keys made, activated, replaced and deleted."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core import clock
from core.encryption import DecryptionError
from delivery import selectors, services
from delivery.domains.signing import signer_of
from delivery.models import DkimKey, SendingDomain
from team.models import Role, Workspace
from tests.factories import delivery as make
from tests.factories.team import ApiTokenFactory, MembershipFactory, UserFactory
from tests.plugins.dns import NameServer


def member(client: Client, workspace: Workspace, role: str = Role.OWNER) -> Client:
    user = UserFactory()
    MembershipFactory(workspace=workspace, user=user, role=role)
    client.force_login(user)
    return client


@pytest.fixture
def domain(workspace: Workspace) -> SendingDomain:
    make.make_mailbox(workspace)
    return SendingDomain.objects.get()


def publish(names: NameServer, *keys: DkimKey) -> None:
    for key in keys:
        names.put(*selectors.record_of(key)[:1], "TXT", selectors.record_of(key).text)


def states(domain: SendingDomain) -> dict[str, str]:
    return dict(domain.keys.order_by("id").values_list("selector", "status"))


def test_a_mailbox_brings_its_domain_and_one_without_a_public_domain_none(workspace: Workspace) -> None:
    mailbox = make.make_mailbox(workspace, from_email="Ada@Mail.ACME.example")
    make.make_mailbox(workspace, from_email="root@localhost")
    services.update_mailbox(mailbox, from_email="ada@bücher.example")
    names = list(selectors.domains_in(workspace).values_list("name", flat=True))
    assert names == ["mail.acme.example", "xn--bcher-kva.example"]


def test_keys_are_made_published_and_sign_by_themselves(
    client: Client, domain: SendingDomain, workspace: Workspace, name_server: NameServer
) -> None:
    member(client, workspace)
    mailbox = selectors.mailboxes_in(workspace).get()
    page = reverse("delivery:domain", args=[domain.pk])
    client.post(reverse("delivery:create_dkim_keys", args=[domain.pk]))
    keys = list(domain.keys.order_by("id"))
    assert states(domain) == {"drumbeat1": "pending", "drumbeat1e": "pending"}
    shown = client.get(page).text
    for key in keys:
        record = selectors.record_of(key)
        assert record.name in shown
        assert record.text.replace("+", "&#x2B;") in shown or record.text in shown
        assert key.private_encrypted not in shown
    client.post(reverse("delivery:check_domain", args=[domain.pk]))
    assert signer_of(mailbox) is None
    publish(name_server, keys[1])
    client.post(reverse("delivery:check_domain", args=[domain.pk]))
    assert states(domain) == {"drumbeat1": "pending", "drumbeat1e": "active"}
    publish(name_server, keys[0])
    answer = client.post(reverse("delivery:check_domain", args=[domain.pk]), HTTP_HX_REQUEST="true")
    assert "The published keys are ours (RSA and Ed25519)" in answer.text
    assert "<html" not in answer.text
    signer = signer_of(mailbox)
    assert signer is not None
    assert [key.selector for key in signer.keys] == ["drumbeat1", "drumbeat1e"]
    assert signer_of(mailbox) is signer


def test_new_keys_replace_the_old_when_they_are_seen(
    domain: SendingDomain, workspace: Workspace, name_server: NameServer
) -> None:
    old = services.create_dkim_keys(domain)
    publish(name_server, *old)
    services.check_domain(domain)
    new = services.create_dkim_keys(domain)
    services.check_domain(domain)
    assert states(domain)["drumbeat1"] == "active"
    publish(name_server, *new)
    services.check_domain(domain)
    assert states(domain) == {
        "drumbeat1": "retired",
        "drumbeat1e": "retired",
        "drumbeat2": "active",
        "drumbeat2e": "active",
    }
    retired = domain.keys.select_related("domain").get(selector="drumbeat1")
    assert retired.private_encrypted == ""
    assert retired.retired_at is not None
    assert selectors.keep_until(retired) == retired.retired_at + timedelta(days=7)
    services.delete_dkim_key(retired)
    services.delete_dkim_key(domain.keys.get(selector="drumbeat2"))
    assert services.create_dkim_keys(domain)[0].selector == "drumbeat3"


def test_a_second_pair_waits_until_the_first_is_published_or_deleted(
    client: Client, domain: SendingDomain, workspace: Workspace
) -> None:
    member(client, workspace)
    url = reverse("delivery:create_dkim_keys", args=[domain.pk])
    client.post(url)
    assert client.post(url).status_code == 409
    assert domain.keys.count() == 2


def test_a_key_can_sign_without_its_record_and_be_deleted(
    client: Client, domain: SendingDomain, workspace: Workspace
) -> None:
    member(client, workspace)
    key, _ = services.create_dkim_keys(domain)
    url = reverse("delivery:activate_dkim_key", args=[domain.pk, key.pk])
    client.post(url)
    assert client.post(url).status_code == 409
    mailbox = selectors.mailboxes_in(workspace).get()
    assert signer_of(mailbox) is not None
    client.post(reverse("delivery:delete_dkim_key", args=[domain.pk, key.pk]))
    assert signer_of(mailbox) is None


def test_a_private_key_opens_only_in_its_own_place(domain: SendingDomain, workspace: Workspace) -> None:
    key = services.activate_dkim_key(services.create_dkim_keys(domain)[0])
    assert key.private_encrypted
    assert "PRIVATE" not in key.private_encrypted
    other = SendingDomain.objects.create(workspace=workspace, name="evil.example")
    DkimKey.objects.filter(pk=key.pk).update(domain=other)
    make.make_mailbox(workspace, from_email="eve@evil.example")
    with pytest.raises(DecryptionError):
        signer_of(selectors.mailboxes_in(workspace).get(from_email="eve@evil.example"))


def test_what_the_check_found_is_kept_and_shown(
    client: Client, domain: SendingDomain, workspace: Workspace, name_server: NameServer
) -> None:
    member(client, workspace)
    assert "Not checked yet" in client.get(reverse("delivery:domains")).text
    name_server.put("acme.example", "TXT", "v=spf1 ip4:192.0.2.0/24 -all")
    name_server.put("acme.example", "MX", "10 mx.acme.example.")
    client.post(reverse("delivery:check_domain", args=[domain.pk]))
    asked = len(name_server.asked)
    page = client.get(reverse("delivery:domain", args=[domain.pk])).text
    assert "acme.example has no DMARC record" in page
    assert "v=DMARC1; p=none; rua=mailto:dmarc@acme.example" in page
    assert "Replies and bounces go to mx.acme.example" in page
    assert "Needs mending" in client.get(reverse("delivery:domains")).text
    assert len(name_server.asked) == asked


def test_the_schedule_looks_once_a_day_and_sooner_for_waiting_keys(
    domain: SendingDomain, workspace: Workspace, name_server: NameServer
) -> None:
    start = clock.now()
    with clock.simulated(start):
        assert services.check_due_domains() == 1
        assert services.check_due_domains() == 0
    with clock.simulated(start + timedelta(minutes=20)):
        assert services.check_due_domains() == 0
        services.create_dkim_keys(domain)
        assert services.check_due_domains() == 1
        assert services.check_due_domains() == 0
    with clock.simulated(start + timedelta(minutes=30)):
        assert services.check_due_domains() == 0
    domain.keys.all().delete()
    with clock.simulated(start + timedelta(days=1, hours=1)):
        assert services.check_due_domains() == 1


def test_a_domain_is_added_by_hand_and_deleted_when_nothing_sends_from_it(
    client: Client, domain: SendingDomain, workspace: Workspace
) -> None:
    member(client, workspace)
    url = reverse("delivery:domains")
    client.post(url, {"name": "News.Example"})
    added = SendingDomain.objects.get(name="news.example")
    for bad in ("", "nothing", "a b.example"):
        assert client.post(url, {"name": bad}).status_code == 422
    assert client.post(reverse("delivery:delete_domain", args=[domain.pk])).status_code == 409
    client.post(reverse("delivery:delete_domain", args=[added.pk]))
    assert list(SendingDomain.objects.all()) == [domain]


def test_an_analyst_looks_and_changes_nothing(client: Client, domain: SendingDomain, workspace: Workspace) -> None:
    member(client, workspace, Role.ANALYST)
    assert client.get(reverse("delivery:domains")).status_code == 200
    assert not re.search(r"<form[^>]*mailboxes/domains", client.get(reverse("delivery:domain", args=[domain.pk])).text)
    assert client.post(reverse("delivery:domains"), {"name": "x.example"}).status_code == 403
    for name in ("check_domain", "create_dkim_keys", "delete_domain"):
        assert client.post(reverse(f"delivery:{name}", args=[domain.pk])).status_code == 403
    assert not domain.keys.exists()


def test_domains_and_keys_of_another_workspace_are_not_there(
    client: Client, domain: SendingDomain, workspace: Workspace
) -> None:
    member(client, workspace)
    make.make_mailbox(make.make_workspace("other"), from_email="bob@other.example")
    foreign = SendingDomain.objects.get(name="other.example")
    key = services.create_dkim_keys(foreign)[0]
    own = services.create_dkim_keys(domain)[0]
    assert client.get(reverse("delivery:domain", args=[foreign.pk])).status_code == 404
    for name in ("check_domain", "create_dkim_keys", "delete_domain"):
        assert client.post(reverse(f"delivery:{name}", args=[foreign.pk])).status_code == 404
    for name in ("activate_dkim_key", "delete_dkim_key"):
        for domain_id, key_id in ((foreign.pk, key.pk), (domain.pk, key.pk), (foreign.pk, own.pk)):
            assert client.post(reverse(f"delivery:{name}", args=[domain_id, key_id])).status_code == 404
    assert states(foreign) == {"drumbeat1": "pending", "drumbeat1e": "pending"}
    assert "other.example" not in client.get(reverse("delivery:domains")).text


def test_the_api_adds_checks_signs_and_deletes(
    client: Client, domain: SendingDomain, workspace: Workspace, name_server: NameServer
) -> None:
    token = ApiTokenFactory(workspace=workspace, scopes=["mailboxes:write"])
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token.secret}"}

    def post(path: str, body: object = None) -> Any:
        return client.post(f"/api/v1/domains/{path}", body or {}, content_type="application/json", **headers)

    made = post("", {"name": "Bücher.example"})
    assert (made.status_code, made.json()["name"], made.json()["checks"]) == (201, "xn--bcher-kva.example", [])
    assert post("", {"name": "nothing"}).status_code == 422
    keys = post(f"{domain.pk}/keys/")
    assert keys.status_code == 201
    assert [key["status"] for key in keys.json()["keys"]] == ["pending", "pending"]
    assert post(f"{domain.pk}/keys/").status_code == 409
    for key in keys.json()["keys"]:
        assert set(key) & {"private", "private_encrypted"} == set()
        name_server.put(key["record"]["name"], "TXT", key["record"]["text"])
    checked = post(f"{domain.pk}/check/").json()
    assert {key["status"] for key in checked["keys"]} == {"active"}
    assert checked["level"] == "fault"
    assert [check["level"] for check in checked["checks"] if check["code"] == "dkim"] == ["ok"]
    spf = next(check for check in checked["checks"] if check["code"] == "spf")
    assert spf["publish"] == [{"name": "acme.example", "text": "v=spf1 ~all"}]
    assert post(f"{domain.pk}/activate-key/", {"selector": "drumbeat1"}).status_code == 409
    assert post(f"{domain.pk}/delete-key/", {"selector": "drumbeat9"}).status_code == 404
    left = post(f"{domain.pk}/delete-key/", {"selector": "drumbeat1"}).json()
    assert [key["selector"] for key in left["keys"]] == ["drumbeat1e"]
    assert client.delete(f"/api/v1/domains/{domain.pk}/", **headers).status_code == 409
    assert client.delete(f"/api/v1/domains/{made.json()['id']}/", **headers).status_code == 204
    names = [row["name"] for row in client.get("/api/v1/domains/", **headers).json()["results"]]
    assert names == ["acme.example"]
