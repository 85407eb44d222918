"""Sign-up forms: the public page, double opt-in, consent, and what a sign-up starts."""

import re

import pytest

from campaigns import services
from campaigns.models import SignUp, SignUpForm
from contacts import services as contacts
from contacts.models import Contact, Suppression
from core import clock, facts
from delivery.models import Message
from delivery.services import dispatch_due
from tests.factories.campaigns import make_list
from tests.factories.team import MembershipFactory, WorkspaceFactory
from tests.integration.campaigns.triggers import entered, launch_triggered, run_engine


@pytest.fixture
def list_(workspace):
    return make_list(workspace)


@pytest.fixture
def form(workspace, mailbox, list_, smtp_sink):
    mailbox.smtp_port = smtp_sink.port
    mailbox.save()
    contacts.create_field(workspace=workspace, label="Plan")
    return services.save_form(
        workspace=workspace,
        name="News",
        title="Our newsletter",
        fields=["first_name", "custom.plan"],
        lists=[list_],
        consent_text="I agree to get mail.",
        mailbox=mailbox,
        mail_text="Hello {{ firstName }} {% nonsense",
    )


FILLED = {"email": "Ada@Example.com", "first_name": "Ada", "custom.plan": "pro", "agreed": "on", "website": ""}


def fill_in(client, form, **changes):
    return client.post(f"/f/{form.token}/", {**FILLED, **changes})


def confirmation_link(smtp_sink):
    dispatch_due()
    (mail,) = smtp_sink.messages
    found = re.search(r"/f/confirm/[\w=-]+/", mail.text("html"))
    assert found
    return found[0], mail


def test_nobody_is_signed_up_before_the_button_of_the_mail(client, form, list_, smtp_sink, at_nine):
    page = client.get(f"/f/{form.token}/")
    assert page.status_code == 200
    assert not page.cookies
    assert "I agree to get mail." in page.content.decode()
    assert "Look into your mail" in fill_in(client, form).content.decode()
    assert not Contact.objects.exists()
    link, mail = confirmation_link(smtp_sink)
    assert mail.rcpt_to == ["Ada@example.com"]
    assert "Hello {{ firstName }}" in mail.text("html")  # what people wrote is text
    for method in (client.get, client.head):
        assert method(link).status_code == 200
        assert not Contact.objects.exists()
    answer = client.post(link)
    assert "You are signed up" in answer.content.decode()
    contact = Contact.objects.get()
    assert (contact.email, contact.first_name, contact.attributes) == ("Ada@example.com", "Ada", {"plan": "pro"})
    assert list(list_.contacts.all()) == [contact]
    made = SignUp.objects.get()
    assert (made.consent_text, made.ip, made.contact_id) == ("I agree to get mail.", "127.0.0.1", contact.pk)
    assert made.confirmed_at == at_nine
    assert client.post(link).status_code == 200
    assert SignUp.objects.get().confirmed_at == at_nine


def test_a_sign_up_starts_a_campaign_that_tells_what_was_filled_in(client, workspace, form, smtp_sink, at_nine):
    step = {"kind": "email", "subject": "Welcome to {{ event.plan }}", "source": "x {{ unsubscribeUrl }}"}
    campaign = launch_triggered(workspace, {"kind": "form", "form": form.pk}, steps=[step])
    other = services.save_form(workspace=workspace, name="Other", title="Other", double_opt_in=False)
    fill_in(client, form)
    link, _ = confirmation_link(smtp_sink)
    client.post(f"/f/{other.token}/", {"email": "bob@example.com"})
    facts.deliver()
    assert entered(campaign) == []
    client.post(link)
    facts.deliver()
    assert entered(campaign) == ["Ada@example.com"]
    run_engine(at_nine)
    dispatch_due()
    assert smtp_sink.messages[-1].message["subject"] == "Welcome to pro"


def test_without_double_opt_in_one_is_signed_up_at_once(client, workspace, list_):
    form = services.save_form(
        workspace=workspace,
        name="N",
        title="N",
        lists=[list_],
        double_opt_in=False,
        redirect_url="https://example.com/thanks",
    )
    answer = client.post(f"/f/{form.token}/", {"email": "ada@example.com"})
    assert (answer.status_code, answer["Location"]) == (302, "https://example.com/thanks")
    assert list_.contacts.count() == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"email": "nobody"}, "valid email"),
        ({"email": ""}, "required"),
        ({"agreed": ""}, "Please tick the box"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(client, form, changes, message):
    answer = fill_in(client, form, **changes)
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert not SignUp.objects.exists()


def test_a_program_that_fills_everything_in_learns_nothing(client, form):
    answer = fill_in(client, form, website="https://spam.example")
    assert "Look into your mail" in answer.content.decode()
    assert not SignUp.objects.exists()


def test_nobodys_mailbox_can_be_flooded(client, form):
    assert [fill_in(client, form).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert Message.objects.count() == 3


def test_a_week_later_the_link_is_too_old_and_a_changed_one_leads_nowhere(client, form, smtp_sink, at_nine):
    fill_in(client, form)
    link, _ = confirmation_link(smtp_sink)
    with clock.simulated(at_nine + services.sign_ups.CONFIRM_WITHIN * 1.01):
        assert client.post(link).status_code == 409
    assert client.post(link[:-3] + "xx/").status_code == 404
    assert client.get("/f/nothing/").status_code == 404
    assert not Contact.objects.exists()


@pytest.mark.parametrize(("reason", "lifted"), [("unsubscribed", True), ("bounced", False)])
def test_ones_own_will_lifts_ones_own_unsubscription_alone(client, workspace, form, smtp_sink, reason, lifted):
    contacts.suppress(workspace_id=workspace.pk, email="ada@example.com", reason=reason)
    fill_in(client, form)
    link, _ = confirmation_link(smtp_sink)
    client.post(link)
    assert Suppression.objects.exists() is not lifted


def test_a_closed_form_takes_nobody(client, workspace, form):
    services.save_form(workspace=workspace, form=form, is_open=False)
    assert "takes no sign-ups" in fill_in(client, form).content.decode()
    assert not SignUp.objects.exists()


def test_a_form_is_made_changed_and_deleted_by_the_team_alone(client, workspace, mailbox, list_):
    member = MembershipFactory(workspace=workspace, role="editor")
    client.force_login(member.user)
    answer = client.post("/campaigns/forms/new/", {"name": "News", "title": "", "double_opt_in": "on"})
    assert answer.status_code == 422
    filled = {"name": "News", "title": "Hi", "fields_asked": ["first_name"], "lists": [list_.pk], "double_opt_in": "on"}
    filled |= {"mailbox": mailbox.pk, "mail_subject": "S", "mail_text": "T", "thanks": "Thx", "is_open": "on"}
    client.post("/campaigns/forms/new/", filled)
    form = SignUpForm.objects.get()
    assert (form.fields, list(form.lists.all()), form.mailbox) == (["first_name"], [list_], mailbox)
    page = client.get(f"/campaigns/forms/{form.pk}/").content.decode()
    assert form.token in page
    assert "News" in client.get("/campaigns/forms/").content.decode()
    stranger = MembershipFactory(role="owner")
    client.force_login(stranger.user)
    for path in ("", "edit/"):
        assert client.get(f"/campaigns/forms/{form.pk}/{path}").status_code == 404
    assert client.post(f"/campaigns/forms/{form.pk}/delete/").status_code == 404
    client.force_login(member.user)
    client.post(f"/campaigns/forms/{form.pk}/delete/")
    assert not SignUpForm.objects.exists()


def test_lists_and_mailboxes_of_others_are_refused(workspace, mailbox):
    theirs = make_list(WorkspaceFactory())
    with pytest.raises(services.sign_ups.InvalidCampaign) as refused:
        services.save_form(workspace=workspace, name="N", title="T", lists=[theirs], fields=["custom.moon"])
    assert set(refused.value.fields) == {"lists", "fields", "mailbox"}
