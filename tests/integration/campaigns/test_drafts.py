from datetime import timedelta

import pytest

from abtests.models import Experiment
from campaigns import selectors, services
from campaigns.exceptions import CampaignError, InvalidCampaign, StaleCampaignError
from campaigns.models import Campaign, Status
from core.exceptions import NotFound
from sequences import services as sequences
from sequences.exceptions import StepError
from sequences.models import Sequence
from tests.factories.campaigns import make_campaign, make_list, make_template
from tests.factories.sequences import SOURCE, make_mailbox
from tests.factories.team import UserFactory, WorkspaceFactory


def test_a_new_campaign_has_a_name_one_email_and_the_only_mailbox(workspace, mailbox, at_nine):
    workspace.time_zone = "Europe/Berlin"
    campaign = services.create_campaign(workspace=workspace, created_by=UserFactory())
    assert campaign.name == "Campaign of 2 March 2026"
    assert campaign.status == Status.DRAFT
    assert campaign.time_zone == "Europe/Berlin"
    assert list(campaign.mailboxes.all()) == [mailbox]
    assert len(selectors.emails_of(campaign)) == 1


def test_a_new_campaign_takes_the_mailbox_of_the_last_one(workspace, mailbox):
    other = make_mailbox(workspace, name="other")
    assert list(services.create_campaign(workspace=workspace).mailboxes.all()) == []
    services.create_campaign(workspace=workspace, mailboxes=[other])
    assert list(services.create_campaign(workspace=workspace).mailboxes.all()) == [other]


def test_an_edit_raises_the_version_and_says_what_it_changed(workspace, mailbox):
    campaign = services.create_campaign(workspace=workspace)
    people = make_list(workspace)
    template = make_template(workspace)
    changes = {"name": " Spring  sale ", "lists": [people], "template": template, "subject": "Hi"}
    assert services.update_campaign(campaign, changes=changes, version=1, actor="Ada")
    assert (campaign.name, campaign.version) == ("Spring sale", 2)
    assert campaign.sequence.name == "Spring sale"
    step = services.email_of(campaign)
    assert (step.subject, step.template_version) == ("Hi", template.current_version)
    edit = campaign.edits.get()
    assert (edit.what, edit.actor) == ("the name, the audience, the subject, the email", "Ada")


def test_an_edit_that_changes_nothing_leaves_the_version(workspace, mailbox):
    campaign = make_campaign(workspace)
    same = {"name": "Spring", "mailboxes": [mailbox.pk], "lists": list(campaign.lists.all()), "subject": ""}
    assert not services.update_campaign(campaign, changes=same, version=1)
    assert campaign.version == 1


def test_a_stale_edit_is_refused_and_told_what_changed(workspace, mailbox):
    campaign = make_campaign(workspace)
    services.update_campaign(campaign, changes={"subject": "Mine"}, version=1, actor="Ada")
    services.update_campaign(campaign, changes={"name": "Autumn"}, version=2, actor="Bob")
    with pytest.raises(StaleCampaignError) as error:
        services.update_campaign(campaign, changes={"subject": "Yours"}, version=1, actor="Cyd")
    assert "Ada and Bob changed the subject, the name" in error.value.message
    assert services.email_of(campaign).subject == "Mine"


def test_only_a_draft_can_be_edited_or_deleted(workspace, mailbox, at_nine):
    campaign = make_campaign(workspace)
    services.schedule_campaign(campaign, send_at=at_nine + timedelta(hours=1))
    with pytest.raises(CampaignError, match="scheduled"):
        services.update_campaign(campaign, changes={"name": "Other"})
    with pytest.raises(CampaignError, match="Only a draft"):
        services.delete_campaign(campaign)
    services.unschedule_campaign(campaign)
    services.delete_campaign(campaign)
    assert not Campaign.objects.exists()
    assert not Sequence.objects.exists()


def test_planned_tests_go_with_the_deleted_draft_and_no_others(workspace, mailbox):
    kept, gone = make_campaign(workspace), make_campaign(workspace)
    other = sequences.add_experiment(kept.sequence, key=services.email_of(kept).key)
    key = services.email_of(gone).key
    sequences.add_experiment(gone.sequence, key=key)
    sequences.remove_experiment(gone.sequence, key=key)
    sequences.add_experiment(gone.sequence, key=key)
    assert Experiment.objects.count() == 3, "an undo may bring back what was taken away"
    services.delete_campaign(gone)
    assert list(Experiment.objects.all()) == [other]


@pytest.mark.parametrize("relation", ["lists", "excluded_lists", "mailboxes"])
def test_things_of_another_workspace_are_refused(workspace, mailbox, relation):
    campaign = make_campaign(workspace)
    other = WorkspaceFactory()
    foreign = make_mailbox(other) if relation == "mailboxes" else make_list(other)
    with pytest.raises(InvalidCampaign) as error:
        services.update_campaign(campaign, changes={"name": "Renamed", relation: [foreign.pk]})
    assert relation in error.value.fields
    campaign.refresh_from_db()
    assert campaign.name == "Spring"


def test_a_template_of_another_workspace_is_refused(workspace, mailbox):
    campaign = make_campaign(workspace)
    with pytest.raises(StepError):
        services.update_campaign(campaign, changes={"template": make_template(WorkspaceFactory())})


def test_a_broadcast_has_one_email_and_a_drip_may_have_more(workspace, mailbox):
    email = {"kind": "email", "subject": "One", "source": SOURCE}
    wait = {"kind": "wait", "wait": timedelta(days=1)}
    with pytest.raises(InvalidCampaign, match="exactly one"):
        services.create_campaign(workspace=workspace, steps=[email, wait, email])
    drip = services.create_campaign(workspace=workspace, kind="drip", steps=[email, wait, email])
    assert [step.kind for step in selectors.steps_of(drip)] == ["email", "wait", "email"]
    with pytest.raises(InvalidCampaign):
        services.create_campaign(workspace=workspace, kind="moonlit")


def test_a_schedule_in_the_past_or_an_unknown_zone_is_refused(workspace, mailbox, at_nine):
    campaign = make_campaign(workspace)
    for changes in ({"send_at": at_nine - timedelta(minutes=1)}, {"time_zone": "Mars/Olympus"}, {"name": "  "}):
        with pytest.raises(InvalidCampaign):
            services.update_campaign(campaign, changes=changes)


def test_a_duplicate_has_everything_but_the_schedule(workspace, mailbox, at_nine):
    campaign = make_campaign(workspace, subject="Hi", track_clicks=False)
    services.update_campaign(
        campaign, changes={"send_at": at_nine + timedelta(days=1), "excluded_lists": [make_list(workspace)]}
    )
    services.launch_campaign(campaign)
    copy = services.duplicate_campaign(campaign, created_by=UserFactory())
    assert (copy.name, copy.status, copy.send_at, copy.track_clicks) == ("Spring (copy)", Status.DRAFT, None, False)
    for relation in ("lists", "excluded_lists", "mailboxes"):
        assert list(getattr(copy, relation).all()) == list(getattr(campaign, relation).all())
    step = services.email_of(copy)
    assert (step.subject, step.mailing) == ("Hi", None)
    services.update_campaign(copy, changes={"subject": "Changed"})
    assert services.email_of(campaign).subject == "Hi"
    services.launch_campaign(copy)


def test_a_draft_keeps_the_version_of_the_template_that_it_was_given(workspace, mailbox):
    from templates_lib.models import TemplateVersion

    template = make_template(workspace)
    campaign = make_campaign(workspace, template=template)
    newer = TemplateVersion.objects.create(template=template, number=2, format="html", subject="New", source=SOURCE)
    type(template).objects.filter(pk=template.pk).update(current_version=newer)
    assert services.email_of(campaign).template_version.number == 1
    template.refresh_from_db()
    services.update_campaign(campaign, changes={"template": template})
    assert services.email_of(campaign).template_version.number == 2


def test_another_workspaces_campaign_is_not_found(workspace, mailbox):
    campaign = make_campaign(workspace)
    assert selectors.campaign_in(workspace, campaign.pk) == campaign
    with pytest.raises(NotFound):
        selectors.campaign_in(WorkspaceFactory(), campaign.pk)


def test_campaigns_are_found_by_name_subject_and_status(workspace, mailbox):
    spring = make_campaign(workspace, name="Spring", subject="Tulips")
    autumn = make_campaign(workspace, name="Autumn", subject="Leaves")
    services.launch_campaign(autumn)
    assert list(selectors.find_campaigns(workspace, query="tulip")) == [spring]
    assert list(selectors.find_campaigns(workspace, query="AUT")) == [autumn]
    assert list(selectors.find_campaigns(workspace, status="running")) == [autumn]
    assert selectors.status_counts(workspace) == {
        "draft": 1,
        "scheduled": 0,
        "running": 1,
        "paused": 0,
        "completed": 0,
        "cancelled": 0,
    }
