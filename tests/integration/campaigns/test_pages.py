from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns import selectors, services
from campaigns.models import Campaign, Check, Status
from core import clock
from sequences import services as sequences
from tests.factories.campaigns import make_campaign, make_list, make_template
from tests.factories.sequences import make_mailbox
from tests.factories.team import MembershipFactory, WorkspaceFactory

HTMX = {"HX-Request": "true"}


@pytest.fixture
def member(workspace):
    return MembershipFactory(workspace=workspace, role="editor")


@pytest.fixture
def web(client, member):
    client.force_login(member.user)
    return client


def url(name, campaign=None):
    return reverse(f"campaigns:{name}", args=[campaign.pk] if campaign else [])


def fields(campaign, **changes):
    """What the checklist's form posts for a campaign."""
    form = {
        "version": campaign.version,
        "name": campaign.name,
        "lists": [item.pk for item in campaign.lists.all()],
        "mailboxes": [item.pk for item in campaign.mailboxes.all()],
        "subject": "",
        "preheader": "",
        "when": "now",
        "send_at": "",
        "time_zone": "UTC",
        "track_opens": "on",
        "track_clicks": "on",
    }
    return form | changes


def test_an_empty_workspace_is_told_what_a_campaign_is(web):
    assert b"No campaigns yet" in web.get(url("list")).content


def test_the_list_shows_searches_and_filters(web, workspace, mailbox):
    make_campaign(workspace, name="Spring")
    running = make_campaign(workspace, name="Autumn")
    services.launch_campaign(running)
    page = web.get(url("list")).content.decode()
    assert "Spring" in page
    assert "Autumn" in page
    assert "Spring" not in web.get(url("list"), {"status": "running"}, headers=HTMX).content.decode()
    fragment = web.get(url("list"), {"q": "spr"}, headers=HTMX).content.decode()
    assert "Spring" in fragment
    assert "<html" not in fragment
    assert b"No campaign matches" in web.get(url("list"), {"q": "zzz"}).content


@pytest.mark.parametrize("count", [2, 12])
def test_the_list_costs_a_fixed_number_of_queries(web, workspace, mailbox, count, django_assert_max_num_queries):
    for _ in range(count):
        services.launch_campaign(make_campaign(workspace))
    with django_assert_max_num_queries(11):
        web.get(url("list"))


def test_pages_of_the_list_follow_one_another(web, workspace, mailbox):
    for number in range(30):
        services.create_campaign(workspace=workspace, name=f"Number {number:02}")
    first = web.get(url("list"), {"sort": "name"})
    assert b"Number 24" in first.content
    assert b"Number 25" not in first.content
    second = web.get(url("list"), {"sort": "name", "cursor": first.context["page"].next_cursor})
    assert b"Number 25" in second.content


def test_a_card_makes_the_draft(web, workspace, mailbox, member):
    template = make_template(workspace, name="Sale")
    page = web.get(url("start")).content.decode()
    assert "Sale" in page
    assert "Newsletter" in page
    answer = web.post(url("start"), {"template": template.pk})
    campaign = Campaign.objects.get()
    assert answer.url == url("detail", campaign)
    assert (campaign.name, campaign.created_by) == ("Sale", member.user)
    step = services.email_of(campaign)
    assert (step.template_version, step.subject) == (template.current_version, "Hello {{ firstName }}")
    assert list(campaign.mailboxes.all()) == [mailbox]


def test_a_starter_brings_its_template_along(web, workspace, mailbox):
    web.post(url("start"), {"starter": "newsletter"})
    assert services.email_of(Campaign.objects.get()).template_version.template.name == "Newsletter"


def test_the_last_campaign_is_duplicated_from_the_start_page(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    assert "Duplicate last" in web.get(url("start")).content.decode()
    web.post(url("start"), {"duplicate": campaign.pk})
    assert Campaign.objects.filter(name="Spring (copy)").exists()


def test_the_checklist_saves_itself_and_counts(web, workspace, mailbox):
    campaign = make_campaign(workspace, lists=[])
    people = make_list(workspace, name="People")
    page = web.get(url("detail", campaign)).content.decode()
    assert "data-autosave" in page
    answer = web.post(url("save", campaign), fields(campaign, name="Renamed", lists=[people.pk], subject="Hi"))
    assert answer.status_code == 200
    assert '"version": 2' in answer["HX-Trigger"]
    campaign.refresh_from_db()
    assert (campaign.name, list(campaign.lists.all())) == ("Renamed", [people])
    assert 'id="tick-audience"' in web.get(url("summary", campaign), headers=HTMX).content.decode()


def test_a_stale_tab_is_told_what_changed(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    web.post(url("save", campaign), fields(campaign, subject="First"))
    answer = web.post(url("save", campaign), fields(campaign, subject="Second"))
    assert answer.status_code == 409
    assert "changed the subject" in answer["HX-Trigger"]
    assert services.email_of(campaign).subject == "First"


def test_errors_of_the_checklist_name_their_fields(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    other = make_list(WorkspaceFactory())
    for changes, name in (
        ({"name": ""}, "name"),
        ({"lists": [other.pk]}, "lists"),
        ({"when": "later", "send_at": ""}, "send_at"),
        ({"when": "later", "send_at": "2001-01-01T09:00"}, "send_at"),
        ({"when": "later", "send_at": "2100-03-28T02:30", "time_zone": "Europe/Berlin"}, "send_at"),
    ):
        answer = web.post(url("save", campaign), fields(campaign, **changes))
        assert answer.status_code == 422
        assert name in answer.json()["errors"]


def test_a_schedule_is_the_wall_clock_of_its_zone(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    changes = {"when": "later", "send_at": "2100-07-01T09:00", "time_zone": "Europe/Berlin"}
    assert web.post(url("save", campaign), fields(campaign, **changes)).status_code == 200
    campaign.refresh_from_db()
    assert campaign.send_at.isoformat() == "2100-07-01T07:00:00+00:00"
    assert 'value="2100-07-01T09:00"' in web.get(url("detail", campaign)).content.decode()


def test_a_template_is_chosen_and_its_newest_version_taken(web, workspace, mailbox):
    from templates_lib.services import save_version

    campaign = make_campaign(workspace)
    other = make_template(workspace, name="Other", subject="Other subject")
    assert "Other" in web.get(url("template", campaign), headers=HTMX).content.decode()
    answer = web.post(url("template", campaign), {"template": other.pk}, headers=HTMX)
    assert answer["HX-Redirect"] == url("detail", campaign) + "#email"
    step = services.email_of(campaign)
    assert (step.template_version, step.subject) == (other.current_version, "Other subject")

    version = other.current_version
    newer = save_version(
        other,
        base_number=1,
        format="html",
        subject="New",
        preheader="",
        source=version.source + "<p>x</p>",
        text_source="",
    )
    assert "The template has changed" in web.get(url("detail", campaign)).content.decode()
    web.post(url("newest_template", campaign))
    assert services.email_of(campaign).template_version == newer


def test_the_review_starts_the_check_and_follows_it(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    page = web.get(url("review", campaign)).content.decode()
    assert f'hx-post="{url("check", campaign)}" hx-trigger="load"' in page
    assert not Check.objects.exists()
    started = web.post(url("check", campaign), headers=HTMX)
    assert started.status_code == 200
    assert 'hx-trigger="every 1s"' in started.content.decode()
    assert web.get(url("check", campaign), headers=HTMX).status_code == 200
    services.run_check(Check.objects.get().pk)
    finished = web.get(url("check", campaign), headers=HTMX)
    assert finished.status_code == 286
    content = finished.content.decode()
    assert "Ready to launch" in content
    assert "3 people get this email now" in content
    assert 'hx-swap-oob="true"' in content


def test_warnings_are_confirmed_by_the_launch_and_errors_disable_it(web, workspace, mailbox):
    campaign = make_campaign(workspace, subject="x" * 90)
    services.run_check(services.start_check(campaign).pk)
    page = web.get(url("review", campaign)).content.decode()
    assert 'name="accept_warnings"' in page
    assert "You have read 1 warning." in page

    broken = make_campaign(workspace, contacts=0)
    services.run_check(services.start_check(broken).pk)
    page = web.get(url("review", broken)).content.decode()
    assert "Not ready yet" in page
    assert url("launch", broken) not in page


def test_launching_by_hand_without_a_check_is_refused_with_a_sentence(web, workspace, mailbox):
    campaign = make_campaign(workspace, contacts=0)
    answer = web.post(url("launch", campaign), headers=HTMX)
    assert answer.status_code == 409
    assert "Nobody is in" in answer["HX-Trigger"]


def test_a_launch_goes_to_the_report(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    answer = web.post(url("launch", campaign), headers=HTMX)
    assert answer["HX-Redirect"] == url("detail", campaign)
    campaign.refresh_from_db()
    assert campaign.status == Status.RUNNING
    again = web.post(url("launch", campaign), headers=HTMX)
    assert again.status_code == 409


def test_a_scheduled_campaign_has_a_page_of_its_own(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    services.update_campaign(campaign, changes={"send_at": clock.now() + timedelta(days=1)})
    assert web.post(url("schedule", campaign)).status_code == 302
    page = web.get(url("detail", campaign)).content.decode()
    assert "What was decided" in page
    assert "Launch now" in page
    web.post(url("unschedule", campaign))
    campaign.refresh_from_db()
    assert campaign.status == Status.DRAFT


def test_pause_resume_and_cancel_show_the_page_anew(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    services.launch_campaign(campaign)
    for name, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        answer = web.post(url(name, campaign), headers=HTMX)
        assert answer["HX-Refresh"] == "true"
        campaign.refresh_from_db()
        assert campaign.status == status
    assert web.post(url("pause", campaign), headers=HTMX).status_code == 409


def test_a_draft_is_deleted_and_a_launched_campaign_is_not(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    web.post(url("delete", campaign))
    assert not Campaign.objects.exists()
    launched = make_campaign(workspace)
    services.launch_campaign(launched)
    assert web.post(url("delete", launched), headers=HTMX).status_code == 409


def test_the_preview_is_sandboxed_and_filled_in(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    contact = campaign.lists.get().list_members.order_by("contact").first().contact
    answer = web.get(url("preview_html", campaign), {"contact": contact.pk})
    assert "Hello Given0" in answer.content.decode()
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    part = web.get(url("preview", campaign), {"contact": contact.pk}, headers=HTMX).content.decode()
    assert "Hello Given0" in part
    assert "<html" not in part
    from contacts.models import Contact
    from tests.factories.sequences import make_contacts

    (foreign,) = make_contacts(WorkspaceFactory(), 1)
    assert Contact.objects.filter(pk=foreign).exists()
    assert web.get(url("preview_html", campaign), {"contact": foreign}).status_code == 404


def test_a_test_send_is_followed_until_its_end(web, workspace, mailbox, member):
    from delivery.models import Message, MessageState

    campaign = make_campaign(workspace)
    assert member.user.email in web.get(url("review", campaign)).content.decode()
    answer = web.post(url("test", campaign), {"to": "me@example.com, you@example.com"}, headers=HTMX)
    assert answer.content.decode().count("@example.com</strong>") == 2
    ids = ",".join(str(pk) for pk in Message.objects.values_list("pk", flat=True))
    assert web.get(url("test_status", campaign), {"ids": ids}, headers=HTMX).status_code == 200
    Message.objects.update(state=MessageState.ACCEPTED)
    finished = web.get(url("test_status", campaign), {"ids": ids}, headers=HTMX)
    assert finished.status_code == 286
    assert "Accepted" in finished.content.decode()
    assert web.post(url("test", campaign), {"to": "nonsense"}, headers=HTMX).status_code == 422
    nothing = make_campaign(workspace, source="")
    assert web.post(url("test", nothing), {"to": "me@example.com"}, headers=HTMX).status_code == 422


def test_the_progress_of_a_row_is_polled_while_it_runs(web, workspace, mailbox):
    campaign = make_campaign(workspace)
    services.launch_campaign(campaign)
    services.run_launch(campaign.pk)
    sequences.advance_due(now=clock.now())
    assert web.get(url("progress", campaign), headers=HTMX).status_code == 200
    services.pause_campaign(campaign)
    assert web.get(url("progress", campaign), headers=HTMX).status_code == 286


READ = ("detail", "summary", "template", "review", "check", "preview", "preview_html", "test_status", "progress")
WRITE = (
    *("save", "template", "newest_template", "check", "test", "launch", "schedule", "unschedule"),
    *("pause", "resume", "cancel", "duplicate", "delete"),
)


def test_another_workspaces_campaign_is_a_404_everywhere(web, workspace, mailbox):
    theirs = make_campaign(WorkspaceFactory())
    assert {web.get(url(name, theirs)).status_code for name in READ} == {404}
    assert {web.post(url(name, theirs), {"to": "me@example.com"}).status_code for name in WRITE} == {404}
    assert web.post(url("start"), {"duplicate": theirs.pk}).status_code == 404
    assert web.post(url("start"), {"template": make_template(theirs.workspace, name="X").pk}).status_code == 404
    assert Campaign.objects.get() == theirs


@pytest.mark.parametrize(
    ("role", "sees", "edits", "sends"), [("analyst", True, False, False), ("approver", True, False, False)]
)
def test_roles_limit_what_can_be_done(client, workspace, mailbox, role, sees, edits, sends):
    client.force_login(MembershipFactory(workspace=workspace, role=role).user)
    campaign = make_campaign(workspace)
    assert (client.get(url("list")).status_code == 200) is sees
    assert (client.get(url("start")).status_code == 200) is edits
    assert (client.post(url("launch", campaign)).status_code == 302) is sends
    assert client.get(url("detail", campaign)).status_code == 200


def test_signed_out_people_are_sent_to_sign_in(client, workspace, mailbox):
    assert "/login" in client.get(url("list")).url


def test_a_removed_mailbox_is_no_sender_any_more(web, workspace, mailbox):
    other = make_mailbox(workspace, name="gone")
    campaign = make_campaign(workspace, mailboxes=[mailbox, other])
    type(other).objects.filter(pk=other.pk).update(archived_at=clock.now())
    assert "gone@example.com" not in web.get(url("detail", campaign)).content.decode()


def test_the_template_editor_leads_back_to_the_campaign_which_then_takes_what_was_saved(web, workspace, mailbox):
    from templates_lib.services import save_version

    campaign = make_campaign(workspace)
    template = services.email_of(campaign).template_version.template
    back = f"{url('detail', campaign)}?edited=email"
    assert f"?next={url('detail', campaign)}%3Fedited%3Demail" in web.get(url("detail", campaign)).content.decode()
    editor = reverse("templates_lib:edit", args=[template.pk])
    assert f'href="{back}"' in web.get(editor, {"next": back}).content.decode()
    assert "evil.example" not in web.get(editor, {"next": "https://evil.example/"}).content.decode()

    content = {"format": "html", "subject": "New", "preheader": "", "source": "<p>New</p>", "text_source": ""}
    save_version(template, base_number=1, **content)
    trigger = f'hx-post="{url("newest_template", campaign)}" hx-trigger="load"'
    assert trigger in web.get(back).content.decode()
    assert trigger not in web.get(url("detail", campaign)).content.decode()


def test_a_sequence_is_begun_on_an_empty_canvas_or_with_one_of_ours(web, workspace, mailbox):
    page = web.get(url("start")).content.decode()
    assert "Trial onboarding" in page
    answer = web.post(url("start"), {"build": "1"})
    campaign = Campaign.objects.get()
    assert answer.url == f"/sequences/{campaign.sequence_id}/"
    assert list(selectors.steps_of(campaign)) == []
    assert web.get(url("detail", campaign)).status_code == 200
    assert web.get(url("review", campaign)).status_code == 200
    web.post(url("start"), {"preset": "welcome"})
    begun = Campaign.objects.get(name="Welcome")
    assert len(selectors.emails_of(begun)) == 4
    assert web.post(url("start"), {"preset": "nonsense"}).status_code == 422
