"""Deleting contacts, by whichever edge, leaves the ledger and its reports as they were, without the people."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from campaigns.models import Check
from contacts.models import Contact
from delivery.models import Attempt, Message
from tests.factories.analytics import SentCampaign
from tests.factories.team import ApiTokenFactory, UserFactory

HTMX = {"HX-Request": "true"}


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def api_of(sent: SentCampaign) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=sent.workspace).secret}")
    return client


def on_the_page(sent: SentCampaign, ids: list[int]) -> None:
    for pk in ids:
        assert signed_in(sent.member.user).post(f"/contacts/{pk}/delete/").status_code == 302


def in_bulk_on_the_page(sent: SentCampaign, ids: list[int]) -> None:
    data = {"deed": "delete", "scope": "ticked", "ids": ids}
    assert signed_in(sent.member.user).post("/contacts/bulk/run/", data).status_code == 302


def by_the_api(sent: SentCampaign, ids: list[int]) -> None:
    for pk in ids:
        assert api_of(sent).delete(f"/api/v1/contacts/{pk}/").status_code == 204


def in_the_admin(sent: SentCampaign, ids: list[int]) -> None:
    client = signed_in(UserFactory(is_staff=True, is_superuser=True))
    for pk in ids:
        assert client.post(f"/admin/contacts/contact/{pk}/delete/", {"post": "yes"}).status_code == 302


def in_bulk_in_the_admin(sent: SentCampaign, ids: list[int]) -> None:
    client = signed_in(UserFactory(is_staff=True, is_superuser=True))
    data = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    assert client.post("/admin/contacts/contact/", data).status_code == 302


WAYS = [on_the_page, in_bulk_on_the_page, by_the_api, in_the_admin, in_bulk_in_the_admin]


@pytest.fixture
def gone(read: SentCampaign, request: pytest.FixtureRequest) -> list[int]:
    """Who read it, and whose address was refused, all of whom were deleted by one of the ways."""
    delete: Callable[[SentCampaign, list[int]], None] = getattr(request, "param", by_the_api)
    ids = [read.messages[index].contact_id or 0 for index in (0, 1, -1)]
    addresses = Contact.objects.in_bulk(ids)
    Message.objects.filter(contact__in=ids[:2]).update(reply_text=f"250 {addresses[ids[0]].email} will get it")
    examples = [{"contact": pk, "email": addresses[pk].email, "detail": ""} for pk in ids[:2]]
    stays = {"contact": read.messages[2].contact_id, "email": "stays@example.com", "detail": ""}
    finding = {"code": "empty_field", "level": "warning", "message": "Empty.", "subject": "", "section": "email"}
    Check.objects.filter(campaign=read.campaign).update(
        findings=[
            {**finding, "count": 3, "examples": [examples[0], stays, examples[1]]},
            {**finding, "code": "other", "count": 0, "examples": []},
        ]
    )
    delete(read, ids)
    assert not Contact.objects.filter(pk__in=ids).exists()
    return ids


@pytest.mark.parametrize("gone", WAYS, indirect=True)
def test_messages_stay_with_a_bare_number_and_the_counters_agree(read: SentCampaign, gone: list[int]):
    kept = dict(Message.objects.order_by("pk").values_list("pk", "contact_id"))
    assert kept == {message.pk: message.contact_id for message in read.messages}
    out = StringIO()
    call_command("recount", "--check", stdout=out)
    assert out.getvalue() == "Everything agrees with the facts.\n"


def test_what_the_servers_said_about_them_is_erased_and_the_codes_stay(read: SentCampaign, gone: list[int]):
    refused = Message.objects.get(contact_id=gone[-1])
    assert refused.reply_code == 550
    assert set(Message.objects.filter(contact_id__in=gone).values_list("reply_text", flat=True)) == {""}
    tried = Attempt.objects.filter(message=refused)
    assert list(tried.values_list("reply_code", "reply_text")) == [(550, "")]
    others = Message.objects.exclude(contact_id__in=gone)
    assert "" not in set(others.values_list("reply_text", flat=True))


def test_the_checks_no_longer_name_them_as_examples(read: SentCampaign, gone: list[int]):
    first, second = Check.objects.get(campaign=read.campaign).findings
    assert [example["email"] for example in first["examples"]] == ["stays@example.com"]
    assert first["count"] == 3
    assert second["examples"] == []


def test_reports_timelines_and_lists_still_open(read: SentCampaign, gone: list[int]):
    web, api = signed_in(read.member.user), api_of(read)
    admin = signed_in(UserFactory(is_staff=True, is_superuser=True))
    message, refused = read.messages[0], read.messages[-1]
    report = f"/campaigns/{read.campaign.pk}"
    assert web.get(f"{report}/report/").status_code == 200
    assert web.get(f"{report}/recipients/").content.decode().count("Deleted contact") == 3
    assert "Deleted contact" in web.get(f"{report}/recipients/?status=clicked").content.decode()
    lines = b"".join(web.get(f"{report}/recipients.csv").streaming_content).decode().splitlines()
    assert len(lines) == 11
    for each in (message, refused):
        assert "a deleted contact" in web.get(f"/messages/{each.pk}/").content.decode()
        assert "Deleted contact" in web.get(f"/messages/{each.pk}/", headers=HTMX).content.decode()
        shown = api.get(f"/api/v1/messages/{each.pk}/")
        assert shown.status_code == 200
        assert shown.data["email"] == ""
        assert admin.get(f"/admin/delivery/message/{each.pk}/change/").status_code == 200
    assert web.get(f"/contacts/{gone[0]}/timeline/").status_code == 404
    assert api.get(f"/api/v1/messages/?mailing={message.mailing_id}").data["results"]
    assert api.get(f"/api/v1/campaigns/{read.campaign.pk}/report/").data["totals"]["delivered"] == 9
    for page in ("delivery/message", "delivery/attempt", "tracking/event", "sequences/enrolment"):
        assert admin.get(f"/admin/{page}/").status_code == 200


def test_a_late_open_of_a_deleted_contact_is_counted(read: SentCampaign, gone: list[int]):
    assert read.messages[0].accepted_at is not None
    read.hit(read.messages[0], minutes=timedelta(days=2) / timedelta(minutes=1))
    out = StringIO()
    call_command("recount", "--check", stdout=out)
    assert out.getvalue() == "Everything agrees with the facts.\n"
