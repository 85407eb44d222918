"""Signed incoming webhooks: signatures, clocks, paths, and who may keep sources."""

import hmac
import json
from base64 import b64decode, b64encode
from datetime import timedelta
from hashlib import sha256

import pytest

from core import clock
from integrations import services
from integrations.models import EventSource
from team.models import Workspace
from tests.factories.team import MembershipFactory, WorkspaceFactory
from tracking.models import CustomEvent

BODY = {"type": "order.paid", "data": {"customer": {"email": "ada@example.com"}, "total": 3}}


@pytest.fixture
def workspace(db) -> Workspace:
    return WorkspaceFactory()


@pytest.fixture
def made(workspace):
    return services.save_source(workspace=workspace, name="Shop", email_path="data.customer.email", prefix="shop.")


def send(client, made, body=BODY, *, message_id="msg_1", at=None, secret="", **headers):
    source, own = made
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    timestamp = str(int((at or clock.now()).timestamp()))
    key = b64decode((secret or own).removeprefix("whsec_"))
    signature = b64encode(hmac.digest(key, f"{message_id}.{timestamp}.".encode() + raw, sha256)).decode()
    signed = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}
    return client.post(f"/hooks/{source.token}/", raw, content_type="application/json", headers={**signed, **headers})


def test_a_signed_webhook_becomes_an_event_once(client, made, workspace):
    assert send(client, made).json() == {"created": 1}
    again = send(client, made)
    assert (again.status_code, again.json()) == (202, {"created": 0})
    event = CustomEvent.objects.get()
    assert (event.workspace_id, event.name, event.properties["total"]) == (workspace.pk, "shop.order.paid", 3)
    assert EventSource.objects.get().received_at is not None


def test_what_is_not_signed_with_the_secret_now_is_refused(client, made):
    other = services.save_source(workspace=WorkspaceFactory(), name="Other")[1]
    late = clock.now() - timedelta(minutes=6)
    refused = [
        send(client, made, secret=other),
        send(client, made, at=late),
        send(client, made, at=clock.now() + timedelta(minutes=6)),
        send(client, made, **{"webhook-signature": ""}),
        send(client, made, **{"webhook-signature": "v1,é v2,abc v1,%%%"}),
        send(client, made, **{"webhook-timestamp": "soon"}),
        send(client, made, **{"webhook-id": ""}),
    ]
    assert [answer.status_code for answer in refused] == [401] * 7
    assert not CustomEvent.objects.exists()


def test_several_signatures_may_stand_there_while_secrets_change(client, made):
    good = send(client, made, message_id="a")
    assert good.status_code == 202
    old = made[1]
    new = services.renew_secret(made[0])
    assert send(client, made, secret=old, message_id="b").status_code == 401
    assert send(client, made, secret=new, message_id="c").status_code == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[" * 100_000, 422),
        ({"type": "x", "data": {}}, 422),
        ({"type": 3, "data": {"customer": {"email": "ada@example.com"}}}, 422),
        ({"type": "x", "data": {"customer": {"email": ["a"]}}}, 422),
        ({"type": "x", "data": {"customer": {"email": "nobody"}}}, 422),
        ({"type": "x", "data": {"customer": {"email": "a@example.com"}, "y": "z" * 20_000}}, 422),
        (b"x" * 1_100_000, 413),
    ],
)
def test_what_is_no_event_is_refused_and_remembered(client, made, body, status):
    answer = send(client, made, body)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert not CustomEvent.objects.exists()
    if status == 422:
        assert EventSource.objects.get().problem


def test_a_source_that_is_off_or_gone_takes_nothing(client, made, workspace):
    services.save_source(workspace=workspace, source=made[0], is_active=False)
    assert send(client, made).status_code == 404


def test_sources_are_kept_by_admins_of_the_workspace_and_the_secret_is_shown_once(client, workspace):
    admin = MembershipFactory(workspace=workspace, role="admin")
    client.force_login(admin.user)
    filled = {"name": "Shop", "event_path": "type", "email_path": "email", "properties_path": "", "is_active": "on"}
    assert client.post("/webhooks/incoming/new/", {**filled, "name": ""}).status_code == 422
    page = client.post("/webhooks/incoming/new/", filled).content.decode()
    assert "whsec_" in page
    source = EventSource.objects.get()
    assert "whsec_" not in source.secret_encrypted
    assert "Shop" in client.get("/webhooks/incoming/").content.decode()
    assert "whsec_" not in client.get(f"/webhooks/incoming/{source.pk}/").content.decode()
    client.force_login(MembershipFactory(workspace=workspace, role="editor").user)
    assert client.get("/webhooks/incoming/").status_code == 403
    client.force_login(MembershipFactory(role="owner").user)
    assert client.get(f"/webhooks/incoming/{source.pk}/").status_code == 404
    for path in ("secret", "delete"):
        assert client.post(f"/webhooks/incoming/{source.pk}/{path}/").status_code == 404
