import csv
import io

import pytest
from django.urls import reverse

from tests.factories.analytics import SentCampaign
from tests.factories.team import MembershipFactory


@pytest.fixture
def web(client, read: SentCampaign):
    client.force_login(read.member.user)
    return client


def shown(web, read, **query) -> set[str]:
    page = web.get(reverse("analytics:recipients", args=[read.campaign.pk]), query).content.decode()
    return {message.contact.email for message in read.messages if message.contact.email in page}


def test_everyone_is_listed(web, read):
    assert len(shown(web, read)) == 10


@pytest.mark.parametrize(
    ("status", "places"), [("opened", [0, 1]), ("clicked", [0]), ("machine", [2]), ("failed", [9]), ("waiting", [])]
)
def test_a_filter_shows_who_did_that(web, read, status, places):
    assert shown(web, read, status=status) == {read.messages[place].contact.email for place in places}


def test_a_search_finds_an_address(web, read):
    address = read.messages[4].contact.email
    assert shown(web, read, q=address.upper()) == {address}


def test_a_search_without_a_match_says_so(web, read):
    page = web.get(reverse("analytics:recipients", args=[read.campaign.pk]), {"q": "nobody"})
    assert b"Nobody matches" in page.content


def test_the_export_has_a_line_a_recipient_and_says_why(web, read):
    response = web.get(reverse("analytics:recipients_csv", args=[read.campaign.pk]))
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))
    assert len(rows) == 10
    assert rows[0]["clicked_at"]
    assert rows[9]["state"] == "Failed"
    assert "No such user" in rows[9]["why"]


def test_the_export_runs_no_formula(web, read):
    contact = read.messages[3].contact
    type(contact).objects.filter(pk=contact.pk).update(first_name="=HYPERLINK(1)")
    response = web.get(reverse("analytics:recipients_csv", args=[read.campaign.pk]))
    assert b"'=HYPERLINK(1)" in b"".join(response.streaming_content)


def test_a_message_tells_its_story(web, read):
    page = web.get(reverse("analytics:message", args=[read.messages[0].pk])).content.decode()
    assert page.index("Clicked") < page.index("Opened") < page.rindex("Accepted")
    assert "https://example.com/a" in page


def test_a_message_shows_the_subject_that_its_contact_got(web, read):
    page = web.get(reverse("analytics:message", args=[read.messages[0].pk])).content.decode()
    assert f"Hello {read.messages[0].contact.first_name}" in page
    assert "{{" not in page
    read.messages[0].contact.delete()
    page = web.get(reverse("analytics:message", args=[read.messages[0].pk])).content.decode()
    assert "First name</span>" in page


def test_a_machines_open_is_called_one(web, read):
    page = web.get(reverse("analytics:message", args=[read.messages[2].pk])).content.decode()
    assert "Opened by a machine" in page


def test_a_contacts_timeline_has_all_of_their_mail(web, read):
    page = web.get(reverse("analytics:contact_timeline", args=[read.messages[0].contact_id])).content.decode()
    assert "Clicked" in page
    assert 'Hello <span class="merge-field" title="{{ firstName }}">First name</span>' in page


def test_another_workspaces_messages_and_contacts_are_not_found(client, read):
    client.force_login(MembershipFactory().user)
    assert client.get(reverse("analytics:message", args=[read.messages[0].pk])).status_code == 404
    contact_id = read.messages[0].contact_id
    assert client.get(reverse("analytics:contact_timeline", args=[contact_id])).status_code == 404
