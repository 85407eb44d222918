"""The page that shows mail going out: how fast, what waits and why, and until when."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from core import clock
from delivery import services
from delivery.models import Batch, Mailbox, Mailing
from team.models import Workspace
from tests.factories import delivery as make
from tests.factories.team import MembershipFactory
from tests.plugins.mail import SmtpSink

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return make.make_workspace()


@pytest.fixture
def web(client, workspace: Workspace):
    client.force_login(MembershipFactory(workspace=workspace).user)
    return client


def text_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def page(web) -> str:
    response = web.get(reverse("analytics:sending"))
    assert response.status_code == 200
    return text_of(response)


def test_without_mail_it_says_so_and_without_a_mailbox_what_to_do(web):
    text = page(web)
    assert "Waiting 0" in text
    assert "No mailbox yet" in text


def test_each_reason_is_told_with_its_messages(web, workspace):
    mailbox = make.make_mailbox(workspace)
    paused = make.make_mailing(workspace, name="Paused")
    people = make.make_contacts(workspace, 9)
    make.queue(paused, mailbox, people[:2])
    services.set_mailing_state([paused.pk], Mailing.State.PAUSED)
    make.queue(make.make_mailing(workspace), mailbox, people[2:5], due_at=clock.now() + timedelta(hours=1))
    make.queue(make.make_mailing(workspace), mailbox, people[5:])
    text = page(web)
    assert "Waiting 9" in text
    assert "It waits because the campaign is paused. 2" in text
    assert "It waits for its time. 3" in text
    assert "It is due and leaves as soon as a worker is free. 4" in text


def test_what_has_left_shows_as_speed(web, workspace, smtp_sink: SmtpSink):
    mailbox = make.make_mailbox(workspace, port=smtp_sink.port)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 7))
    services.dispatch_due()
    text = page(web)
    assert "Sending now 7/min" in text
    assert "Waiting 0" in text


def test_a_capped_mailbox_tells_when_all_will_have_left(web, workspace):
    mailbox = make.make_mailbox(workspace)
    Mailbox.objects.filter(pk=mailbox.pk).update(per_minute=60, per_day=10)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 25))
    response = web.get(reverse("analytics:sending"))
    [row] = response.context["sending"].state.mailboxes
    assert row.limit == 60
    # 10 today, 10 tomorrow, the last 5 on the day after.
    assert (row.clears_at.date() - clock.now().date()).days == 2


def test_overdue_mail_is_told(web, workspace):
    mailbox = make.make_mailbox(workspace)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 1))
    Batch.objects.update(due_at=clock.now() - timedelta(minutes=3))
    assert "Behind 3 min" in page(web)


def test_another_workspaces_mail_is_not_shown(web, workspace):
    other = make.make_workspace("other")
    make.queue(make.make_mailing(other), make.make_mailbox(other), make.make_contacts(other, 3))
    text = page(web)
    assert "Waiting 0" in text
    assert "ada@acme.example" not in text


def test_it_costs_the_same_for_one_campaign_and_for_many(web, workspace, django_assert_max_num_queries):
    mailbox = make.make_mailbox(workspace)
    people = make.make_contacts(workspace, 2)
    for number in range(8):
        make.queue(make.make_mailing(workspace), mailbox, people, prefix=f"k{number}-")
    page(web)
    with django_assert_max_num_queries(18):
        page(web)


def test_a_poll_gets_the_numbers_alone(web, workspace):
    response = web.get(reverse("analytics:sending"), headers={"HX-Request": "true", "HX-Target": "sending"})
    assert b"<html" not in response.content
    assert b'id="sending"' in response.content
