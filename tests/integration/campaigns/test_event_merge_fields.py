"""`event.*` in the emails of a triggered campaign: what led to each message."""

import pytest

from campaigns import services
from contacts import services as contacts
from contacts.models import Contact
from delivery.models import Mailing, Message, MessageFields
from delivery.own_fields import uses_own_fields
from delivery.services import dispatch_due
from tests.factories.contacts import make_contact
from tests.factories.sequences import SOURCE
from tests.integration.campaigns.triggers import launch_triggered, make_triggered, run_engine, tell
from tracking.copies import copy_of

PAID = {"kind": "event", "event": "order.paid", "reentry": "key", "entry_property": "order"}
HTML = SOURCE.replace("Hello", "{% for line in event.lines %}[{{ line.sku }}]{% endfor %} {{ event.name }} Hello")


@pytest.fixture
def told(workspace, mailbox, at_nine, smtp_sink):
    mailbox.smtp_port = smtp_sink.port
    mailbox.save()
    launch_triggered(workspace, PAID, steps=[{"kind": "email", "subject": "Order {{ event.order }}", "source": HTML}])
    lines = [{"sku": "A&B"}, {"sku": "C"}]
    for properties in ({"order": 7, "lines": lines}, {"order": "<8>"}):
        tell(workspace, {"name": "order.paid", "email": "a@example.com", "properties": properties})
    run_engine(at_nine)


def test_each_message_tells_of_its_own_event(told, smtp_sink):
    dispatch_due()
    mails = {mail.message["subject"]: mail.text("html") for mail in smtp_sink.messages}
    assert set(mails) == {"Order 7", "Order <8>"}
    assert "[A&amp;B][C] order.paid Hello" in mails["Order 7"]
    copies = {copy.subject: copy.html for copy in map(copy_of, Message.objects.values_list("pk", flat=True)) if copy}
    assert "[A&amp;B][C] order.paid Hello" in copies["Order 7"]


def test_what_it_told_goes_with_the_contact(told, workspace):
    assert MessageFields.objects.count() == 2
    contacts.delete_contacts(workspace=workspace, contact_ids=[Contact.objects.get(email="a@example.com").pk])
    assert not MessageFields.objects.exists()


def test_a_mailing_that_does_not_use_it_keeps_nothing(workspace, mailbox, at_nine):
    launch_triggered(workspace, PAID)
    tell(workspace, {"name": "order.paid", "email": "a@example.com", "properties": {"order": 7}})
    run_engine(at_nine)
    assert (Message.objects.count(), MessageFields.objects.count()) == (1, 0)
    assert not Mailing.objects.get().own_fields


def test_the_preview_and_the_check_show_the_latest_event_of_the_contact(workspace, mailbox, at_nine):
    steps = [{"kind": "email", "subject": "Order {{ event.order }}", "source": HTML}]
    campaign = make_triggered(workspace, PAID, steps=steps)
    ada = make_contact(workspace)
    tell(workspace, {"name": "order.paid", "contact": ada.pk, "properties": {"order": 7}})
    assert services.render_preview(campaign, contact=ada).subject == "Order 7"
    check = services.check_campaign(campaign)
    assert (check.recipients, check.rendered, check.status) == (1, 1, "completed")
    assert not [
        finding for finding in check.findings if finding["code"] == "empty_field" and "order" in finding["message"]
    ]


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("{{ event.order }}", True),
        ("{% if event.order > 1 %}x{% endif %}", True),
        ("{{ x | default: event.order }}", True),
        ("Our event is on {{ date }}", False),
        ("{{ events }} {{ eventful }}", False),
        ("", False),
    ],
)
def test_what_uses_an_event_is_seen_in_its_text(text, uses):
    assert uses_own_fields(text) is uses
