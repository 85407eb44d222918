"""Triggers, who they have called, and sign-up forms in Django admin: changed by the services alone."""

import pytest
from django.urls import reverse

from campaigns.models import Arrival, SignUp, SignUpForm, Trigger
from contacts import services as contacts
from core import clock
from tests.factories.campaigns import make_list
from tests.factories.team import UserFactory, WorkspaceFactory
from tests.integration.campaigns.triggers import launch_triggered, make_triggered


@pytest.fixture
def admin(client, workspace, mailbox):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def page(thing, deed="change"):
    return reverse(f"admin:campaigns_{type(thing)._meta.model_name}_{deed}", args=[thing.pk])


def filled(trigger, **changes):
    """What the change page posts."""
    data = {
        "kind": trigger.kind,
        "event": trigger.event,
        "where": "{}",
        "days": "0",
        "at": "09:00",
        "entry_filter": "{}",
    }
    return {**data, "reentry": "once", **changes}


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_a_drafts_trigger_is_changed_as_one_edit_of_its_campaign(admin, workspace):
    campaign = make_triggered(workspace, {"kind": "event", "event": "order.paid"})
    trigger = Trigger.objects.get()
    people = make_list(workspace, name="Newcomers")
    answer = admin.post(page(trigger), filled(trigger, kind="list", list=people.pk, include_current="on"), follow=True)

    assert answer.status_code == 200
    trigger.refresh_from_db()
    assert (trigger.kind, trigger.list, trigger.include_current, trigger.event) == ("list", people, True, "")
    before = campaign.version
    campaign.refresh_from_db()
    assert campaign.version == before + 1


def test_what_makes_no_trigger_is_refused_with_a_message(admin, workspace):
    make_triggered(workspace, {"kind": "event", "event": "order.paid"})
    trigger = Trigger.objects.get()
    foreign = contacts.create_list(workspace=WorkspaceFactory(), name="Theirs")
    for changes in (
        {"kind": "list", "list": foreign.pk},
        {"days": "9999", "kind": "date"},
        {"entry_filter": '{"match": "all", "conditions": [{"field": "nonsense"}]}'},
    ):
        answer = admin.post(page(trigger), filled(trigger, **changes), follow=True)
        assert said(answer), changes
        trigger.refresh_from_db()
        assert (trigger.kind, trigger.event, trigger.list) == ("event", "order.paid", None)


def test_a_live_trigger_is_read_only(admin, workspace):
    launch_triggered(workspace, {"kind": "event", "event": "order.paid"})
    trigger = Trigger.objects.get()
    assert 'name="event"' not in admin.get(page(trigger)).content.decode()
    assert admin.post(page(trigger), filled(trigger, event="other")).status_code == 403
    assert admin.post(page(trigger, "delete"), {"post": "yes"}).status_code == 403


def test_a_sign_up_form_is_made_changed_and_deleted_by_the_service(admin, workspace, mailbox):
    people = make_list(workspace, name="Readers")
    data = {
        "workspace": workspace.pk, "name": "News", "title": "Our news", "fields": '["first_name"]', "lists": people.pk,
        "double_opt_in": "on", "mailbox": mailbox.pk, "mail_subject": "Confirm", "mail_text": "Press it.", "thanks": "Thanks.",
        "is_open": "on",
    }  # fmt: skip
    add = reverse("admin:campaigns_signupform_add")
    admin.post(add, data)
    form = SignUpForm.objects.get()
    assert (form.fields, list(form.lists.all())) == (["first_name"], [people])

    admin.post(page(form), {**data, "title": "All our news", "double_opt_in": ""})
    form.refresh_from_db()
    assert (form.title, form.double_opt_in) == ("All our news", False)

    refused = admin.post(page(form), {**data, "fields": '["custom.nonsense"]'}, follow=True)
    assert said(refused)
    foreign = make_list(WorkspaceFactory(), name="Theirs")
    assert said(admin.post(page(form), {**data, "lists": foreign.pk}, follow=True))
    form.refresh_from_db()
    assert (form.fields, list(form.lists.all())) == (["first_name"], [people])

    admin.post(page(form, "delete"), {"post": "yes"})
    assert not SignUpForm.objects.exists()


def test_every_list_and_page_opens(admin, workspace):
    launch_triggered(workspace, {"kind": "event", "event": "order.paid"})
    now = clock.now()
    form = SignUpForm.objects.create(workspace=workspace, name="News", title="News")
    things = [
        Trigger.objects.get(),
        Arrival.objects.create(
            trigger=Trigger.objects.get(), contact_id=1, reason="filter", arrived_at=now, try_at=now
        ),
        form,
        SignUp.objects.create(form=form, email="ada@example.com"),
    ]
    for thing in things:
        name = type(thing)._meta.model_name
        assert admin.get(reverse(f"admin:campaigns_{name}_changelist")).status_code == 200, name
        assert admin.get(page(thing)).status_code == 200, name
    for thing in (things[1], things[3]):
        assert admin.post(page(thing), {"reason": "", "email": "x@example.com"}).status_code == 403
        assert admin.post(page(thing, "delete"), {"post": "yes"}).status_code == 403
