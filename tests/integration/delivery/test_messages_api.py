"""The ledger by the API."""

from django.test import Client

from delivery import services
from delivery.models import Mailbox, Mailing
from team.models import Workspace
from tests.factories import delivery as make
from tests.integration.delivery.test_mailboxes import api
from tests.plugins.mail import SmtpSink


def test_messages_are_listed_and_filtered(
    client: Client, workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    smtp_sink.rcpt_replies["person1@example.com"] = "550 5.1.1 unknown"
    contacts = make.make_contacts(workspace, 3)
    mailing = make.make_mailing(workspace)
    messages = make.queue(mailing, mailbox, contacts)
    services.dispatch_due()
    headers = api(workspace, "messages:read")
    url = "/api/v1/messages/"

    def ids(**parameters) -> list[int]:
        return [row["id"] for row in client.get(url, parameters, **headers).json()["results"]]

    assert ids() == sorted(messages, reverse=True)
    assert ids(state="failed") == [messages[1]]
    assert ids(contact=contacts[0]) == [messages[0]]
    assert ids(mailing=mailing.pk, state="accepted") == [messages[2], messages[0]]
    assert ids(mailing=mailing.pk + 1) == []
    assert ids(mailbox=mailbox.pk, limit=1) == [messages[2]]
    assert client.get(url, {"state": "sent"}, **headers).status_code == 422
    assert client.get(url, {"contact": "x"}, **headers).status_code == 422


def test_a_message_tells_why_and_what_happened(
    client: Client, workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    smtp_sink.rcpt_replies["person0@example.com"] = "452 4.2.2 Mailbox full"
    (message_id,) = make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 1))
    services.dispatch_due()
    body = client.get(f"/api/v1/messages/{message_id}/", **api(workspace)).json()
    assert (body["state"], body["email"], body["attempts"]) == ("deferred", "person0@example.com", 1)
    assert body["why"]["code"] == "mailbox_full"
    assert "Mailbox full" in body["why"]["sentence"]
    assert [moment["kind"] for moment in body["timeline"]] == ["queued", "deferred"]


def test_the_ledger_can_not_be_written_by_the_api(client: Client, workspace: Workspace, mailbox: Mailbox) -> None:
    (message_id,) = make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 1))
    headers = api(workspace)
    assert client.delete(f"/api/v1/messages/{message_id}/", **headers).status_code == 405
    assert client.post("/api/v1/messages/", {}, **headers).status_code == 405


def test_messages_of_another_workspace_are_not_there(client: Client, workspace: Workspace, mailbox: Mailbox) -> None:
    (message_id,) = make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 1))
    headers = api(make.make_workspace("other"))
    assert client.get(f"/api/v1/messages/{message_id}/", **headers).status_code == 404
    assert client.get("/api/v1/messages/", **headers).json()["results"] == []
    assert client.get("/api/v1/messages/", {"mailing": Mailing.objects.get().pk}, **headers).json()["results"] == []
