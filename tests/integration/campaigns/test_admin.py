from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns import selectors, services
from campaigns.models import Campaign, Status
from core import clock
from delivery.models import Message
from tests.factories.campaigns import make_campaign, make_list, make_template
from tests.factories.sequences import SOURCE, make_contacts, make_mailbox
from tests.factories.team import UserFactory, WorkspaceFactory

LIST = "admin:campaigns_campaign_changelist"


@pytest.fixture
def admin(client, workspace):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def page(campaign):
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def form(campaign, steps=None, **changes):
    """What the change page posts; `steps` are dictionaries, the saved ones with their id."""
    saved = selectors.steps_of(campaign)
    rows = [{"id": step.pk, "kind": step.kind} for step in saved] if steps is None else steps
    data = {
        "name": campaign.name,
        "seen_version": campaign.version,
        "lists": [item.pk for item in campaign.lists.all()],
        "mailboxes": [item.pk for item in campaign.mailboxes.all()],
        "send_at_0": "",
        "send_at_1": "",
        "time_zone": "UTC",
        "track_opens": "on",
        "track_clicks": "on",
        "holdout_share": campaign.holdout_share,
        "holdout_event": campaign.holdout_event,
        "holdout_days": campaign.holdout_days,
        "steps-TOTAL_FORMS": len(rows),
        "steps-INITIAL_FORMS": sum("id" in row for row in rows),
    }
    for number, row in enumerate(rows):
        for name, value in {"position": number, "format": "html", "kind": "email", **row}.items():
            data[f"steps-{number}-{name}"] = value
    return {**data, "_continue": "1", **changes}


def act(admin, campaign, action, **extra):
    data = {"CHANGE_FORM-action": action, "_selected_action": campaign.pk, "CHANGE_FORM-select_across": "0", **extra}
    return admin.post(page(campaign), data, follow=True)


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_a_new_campaign_needs_a_workspace_and_a_name(admin, workspace, mailbox):
    answer = admin.post(
        reverse("admin:campaigns_campaign_add"),
        {"workspace": workspace.pk, "name": "Spring", "kind": "broadcast"},
        follow=True,
    )
    campaign = Campaign.objects.get()
    assert answer.redirect_chain[-1][0] == page(campaign)
    assert list(campaign.mailboxes.all()) == [mailbox]
    assert len(selectors.emails_of(campaign)) == 1


def test_choices_are_those_of_the_campaigns_workspace(admin, workspace, mailbox):
    other = WorkspaceFactory()
    make_list(other, name="Theirs")
    make_template(other, name="Theirs too")
    make_mailbox(other, name="theirs")
    content = admin.get(page(make_campaign(workspace))).content.decode()
    assert "List 0" in content
    assert "Welcome, version 1" in content
    assert "heirs" not in content


def test_everything_on_the_page_is_one_edit(admin, workspace, mailbox):
    campaign = make_campaign(workspace)
    step = services.email_of(campaign)
    people = make_list(workspace, name="People")
    row = {"id": step.pk, "subject": "From the admin", "source": SOURCE, "template_version": ""}
    answer = admin.post(page(campaign), form(campaign, [row], name="Renamed", lists=[people.pk]), follow=True)
    assert answer.status_code == 200
    campaign.refresh_from_db()
    assert (campaign.name, list(campaign.lists.all()), campaign.version) == ("Renamed", [people], 2)
    changed = services.email_of(campaign)
    assert (changed.subject, changed.template_version, changed.key) == ("From the admin", None, step.key)


def test_steps_are_added_reordered_and_removed(admin, workspace, mailbox):
    steps = [{"kind": "email", "subject": name, "source": SOURCE} for name in ("A", "B")]
    campaign = make_campaign(workspace, kind="drip", steps=steps)
    a, b = selectors.steps_of(campaign)
    rows = [
        {"id": a.pk, "position": 2, "subject": "A", "source": SOURCE},
        {"id": b.pk, "position": 0, "subject": "B", "source": SOURCE},
        {"position": 1, "kind": "wait", "wait": "3 00:00:00"},
    ]
    admin.post(page(campaign), form(campaign, rows))
    shown = selectors.steps_of(campaign)
    assert [step.wait or step.subject for step in shown] == ["B", timedelta(days=3), "A"]
    assert (shown[0].key, shown[2].key) == (b.key, a.key)

    campaign.refresh_from_db()
    rows = [{"id": step.pk, "kind": step.kind, "subject": step.subject, "source": step.source} for step in shown]
    rows[1] |= {"wait": "3 00:00:00", "DELETE": "on"}
    admin.post(page(campaign), form(campaign, rows))
    assert [step.subject for step in selectors.steps_of(campaign)] == ["B", "A"]


def test_a_second_step_in_a_broadcast_is_an_error_on_the_page(admin, workspace, mailbox):
    campaign = make_campaign(workspace)
    step = services.email_of(campaign)
    rows = [{"id": step.pk, "template_version": step.template_version_id}, {"subject": "Second", "source": SOURCE}]
    answer = admin.post(page(campaign), form(campaign, rows))
    assert answer.status_code == 200
    assert "exactly one step" in answer.content.decode()
    assert len(selectors.steps_of(campaign)) == 1


def test_a_stale_page_is_told_so(admin, workspace, mailbox):
    campaign = make_campaign(workspace)
    data = form(campaign, name="Mine")
    services.update_campaign(campaign, changes={"name": "Theirs"}, actor="Bob")
    answer = admin.post(page(campaign), data, follow=True)
    assert any("Bob changed the name" in text for text in said(answer))
    campaign.refresh_from_db()
    assert campaign.name == "Theirs"


def test_the_check_is_run_and_shown(admin, workspace, mailbox):
    campaign = make_campaign(workspace, subject="x" * 90)
    answer = act(admin, campaign, "run_check")
    assert said(answer) == ["“Spring” was checked."]
    content = answer.content.decode()
    assert "3 recipients filled in" in content
    assert "phones show about 60" in content


def test_a_test_is_sent_after_asking_for_the_address(admin, workspace, mailbox):
    campaign = make_campaign(workspace)
    asked = act(admin, campaign, "send_test")
    assert 'name="to"' in asked.content.decode()
    assert not Message.objects.exists()
    invalid = act(admin, campaign, "send_test", confirmed="1", to="nonsense")
    assert "is not an email address" in invalid.content.decode()
    answer = act(admin, campaign, "send_test", confirmed="1", to="me@example.com")
    assert "on its way to me@example.com" in said(answer)[0]
    assert Message.objects.get().to_email == "me@example.com"


def test_a_launch_is_confirmed_with_the_number_of_recipients(admin, workspace, mailbox):
    campaign = make_campaign(workspace)
    asked = act(admin, campaign, "launch").content.decode()
    assert "Recipients now: <strong>3</strong>" in asked
    campaign.refresh_from_db()
    assert campaign.status == Status.DRAFT
    answer = act(admin, campaign, "launch", confirmed="1")
    assert said(answer) == ["“Spring” is on its way."]
    campaign.refresh_from_db()
    assert campaign.status == Status.RUNNING
    assert "is running" in said(act(admin, campaign, "launch", confirmed="1"))[0]


def test_what_the_check_found_stops_a_launch_with_a_message(admin, workspace, mailbox):
    nobody = make_campaign(workspace, contacts=0)
    assert "Nobody is in the chosen lists" in said(act(admin, nobody, "launch", confirmed="1"))[0]
    warned = make_campaign(workspace, subject="x" * 90)
    act(admin, warned, "run_check")
    assert 'name="accept_warnings"' in act(admin, warned, "launch").content.decode()
    assert "must be confirmed" in said(act(admin, warned, "launch", confirmed="1"))[0]
    act(admin, warned, "launch", confirmed="1", accept_warnings="1")
    warned.refresh_from_db()
    assert warned.status == Status.RUNNING


def test_the_whole_life_by_actions(admin, workspace, mailbox):
    campaign = make_campaign(workspace)
    assert "Give the time" in said(act(admin, campaign, "schedule", confirmed="1"))[0]
    services.update_campaign(campaign, changes={"send_at": clock.now() + timedelta(days=1)})
    for action, status in (
        ("schedule", "scheduled"),
        ("unschedule", "draft"),
        ("launch", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
    ):
        act(admin, campaign, action, confirmed="1")
        campaign.refresh_from_db()
        assert campaign.status == status
    act(admin, campaign, "duplicate")
    assert Campaign.objects.filter(name="Spring (copy)", status="draft").exists()


def test_actions_work_on_several_and_tell_which_refused(admin, workspace, mailbox):
    campaigns = [make_campaign(workspace, name=name) for name in ("One", "Two")]
    services.launch_campaign(campaigns[0])
    data = {"action": "pause", "_selected_action": [campaign.pk for campaign in campaigns], "select_across": "0"}
    answer = admin.post(reverse(LIST), data, follow=True)
    assert sorted(said(answer)) == [
        "Two: Only a running campaign can be paused; this one is draft.",
        "“One” is paused.",
    ]


def test_a_launched_campaign_is_read_only_and_can_not_be_deleted(admin, workspace, mailbox):
    campaign = make_campaign(workspace)
    services.launch_campaign(campaign)
    content = admin.get(page(campaign)).content.decode()
    assert 'name="name"' not in content
    assert 'name="steps-0-subject"' not in content
    assert "Hello {{ firstName }}" not in content or "version 1" in content
    assert (
        admin.post(reverse("admin:campaigns_campaign_delete", args=[campaign.pk]), {"post": "yes"}).status_code == 403
    )
    admin.post(page(campaign), {"name": "Changed", "_save": "1", "steps-TOTAL_FORMS": 0, "steps-INITIAL_FORMS": 0})
    campaign.refresh_from_db()
    assert campaign.name == "Spring"


def test_a_draft_is_deleted_with_its_sequence(admin, workspace, mailbox):
    campaign = make_campaign(workspace)
    admin.post(reverse("admin:campaigns_campaign_delete", args=[campaign.pk]), {"post": "yes"})
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    "name",
    ["campaigns_campaign", "campaigns_check", "sequences_sequence", "sequences_version", "sequences_enrolment"],
)
def test_every_list_and_page_opens(admin, workspace, mailbox, name):
    from campaigns.models import Check
    from sequences.models import Enrolment, Sequence, Version

    campaign = make_campaign(workspace)
    services.check_campaign(campaign)
    services.launch_campaign(campaign)
    services.run_launch(campaign.pk)
    models = {
        "campaigns_campaign": Campaign,
        "campaigns_check": Check,
        "sequences_sequence": Sequence,
        "sequences_version": Version,
        "sequences_enrolment": Enrolment,
    }
    assert admin.get(reverse(f"admin:{name}_changelist"), {"q": "spring"}).status_code == 200
    assert admin.get(reverse(f"admin:{name}_change", args=[models[name].objects.first().pk])).status_code == 200


def test_the_list_costs_no_more_for_more_rows(admin, workspace, mailbox, django_assert_max_num_queries):
    make_contacts(workspace, 1)
    for _ in range(6):
        make_campaign(workspace)
    with django_assert_max_num_queries(16):
        admin.get(reverse(LIST))
