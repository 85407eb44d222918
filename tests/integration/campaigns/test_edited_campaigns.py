"""A campaign whose sequence is edited while it runs: its progress, its report and its steps."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from analytics import selectors as analytics
from campaigns import selectors, services
from campaigns.models import Campaign, Status
from core import clock
from delivery.models import Message, MessageState
from sequences import selectors as sequence_reads
from sequences import services as sequences
from tests.factories.campaigns import make_campaign
from tests.factories.sequences import SOURCE
from tests.factories.team import ApiTokenFactory
from tests.integration.sequences.conftest import START
from tests.integration.sequences.world import accept_together

DAY = timedelta(days=1)


def mail(key, subject=""):
    return {"key": key, "kind": "email", "subject": subject or key.upper(), "source": SOURCE}


SPLIT = {
    "key": "s", "kind": "split", "split_key": "k", "shares": {"x": 50, "y": 50}, "lanes": {"x": [mail("b")], "y": [mail("c")]},
}  # fmt: skip
WAIT = {"key": "w", "kind": "wait", "wait": "P2D"}


@pytest.fixture
def campaign(workspace, mailbox):
    """Ten people get a, two days later b or c."""
    with clock.simulated(START):
        campaign = make_campaign(workspace, contacts=10, kind="drip", steps=[mail("a"), WAIT, SPLIT])
        services.launch_campaign(campaign, accept_warnings=True)
        services.run_launch(campaign.pk)
    run(campaign, START)
    return Campaign.objects.get(pk=campaign.pk)


def run(campaign, now):
    with clock.simulated(now):
        sequences.advance_due(now=now)
        accept_together(Message.objects.filter(workspace=campaign.workspace, state=MessageState.QUEUED), now)
        sequences.advance_due(now=now)


def progress_of(campaign):
    found = selectors.progress_of([Campaign.objects.select_related("launch").get(pk=campaign.pk)])[campaign.pk]
    return found.done, found.total, found.messages


def test_the_progress_of_a_drip_with_branches_counts_people_not_emails_times_people(campaign):
    assert progress_of(campaign) == (0, 10, 10)
    run(campaign, START + 2 * DAY)
    # Each got two of the three emails, and all are at the end of their way.
    assert progress_of(campaign) == (10, 10, 20)
    with clock.simulated(START + 2 * DAY):
        Campaign.objects.filter(pk=campaign.pk).update(status=Status.COMPLETED)
    assert progress_of(campaign) == (10, 10, 20)


def test_the_report_adds_up_a_steps_numbers_over_all_versions_and_keeps_those_of_a_step_that_is_gone(campaign):
    run(campaign, START + 2 * DAY)
    with clock.simulated(START + 2 * DAY):
        sequences.open_draft(campaign.sequence)
        sequences.replace_steps(campaign.sequence, steps=[mail("a", "Another A"), WAIT, mail("d")])
        sequences.publish_changes(campaign.sequence)
    campaign.sequence.refresh_from_db()
    report = analytics.campaign_report(Campaign.objects.get(pk=campaign.pk), zone=START.tzinfo)
    steps = {step.key: (step.subject, step.totals.queued, step.removed) for step in report.steps}
    assert steps["a"] == ("Another A", 10, False)
    assert steps["d"] == ("D", 0, False)
    assert steps["b"][2]
    assert steps["c"][2]
    assert steps["b"][1] + steps["c"][1] == 10


def test_the_campaign_shows_what_is_live_while_a_draft_is_open_and_goes_on_with_it(campaign):
    sequences.open_draft(campaign.sequence)
    sequences.replace_steps(campaign.sequence, steps=[mail("z")])
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=campaign.workspace).secret}")
    shown = api.get(f"/api/v1/campaigns/{campaign.pk}/").json()
    assert [step["key"] for step in shown["steps"]] == ["a", "w", "s"]
    assert [step.key for step in selectors.emails_of(campaign)] == ["a", "b", "c"]
    refused = api.patch(f"/api/v1/campaigns/{campaign.pk}/", {"steps": [mail("y")]}, format="json")
    assert refused.status_code == 409
    copy = services.duplicate_campaign(campaign)
    assert [step.key for step in selectors.emails_of(copy)] == ["a", "b", "c"]
    run(campaign, START + 2 * DAY)
    assert progress_of(campaign) == (10, 10, 20)


def test_the_window_of_the_campaign_holds_for_new_copies_too(workspace, mailbox):
    window = {"weekdays": [0, 1, 2, 3, 4], "start": "09:00", "end": "17:00"}
    with clock.simulated(START):
        campaign = make_campaign(
            workspace, kind="drip", steps=[mail("a"), WAIT, mail("b")], window=window, track_opens=False
        )
        services.launch_campaign(campaign, accept_warnings=True)
        sequences.open_draft(campaign.sequence)
        sequences.replace_steps(campaign.sequence, steps=[mail("a"), WAIT, mail("b", "Better"), mail("n")])
        sequences.publish_changes(campaign.sequence)
    campaign.sequence.refresh_from_db()
    steps = sequence_reads.steps_of(campaign.sequence.live_version).filter(kind="email")
    assert {step.mailing.subject for step in steps} == {"A", "Better", "N"}
    assert {step.mailing.track_opens for step in steps} == {False}
    assert all(step.mailing.window == window for step in steps)
    assert {step.mailing.context["campaign"]["name"] for step in steps} == {campaign.name}


def test_the_admin_shows_versions_with_what_they_changed_and_changes_nothing(campaign, admin_client):
    sequences.open_draft(campaign.sequence)
    sequences.replace_steps(campaign.sequence, steps=[mail("a", "Another <A>"), {**WAIT, "wait": "P3D"}])
    publication = sequences.publish_changes(campaign.sequence, by="Ada")
    page = admin_client.get(f"/admin/sequences/version/{publication.version_id}/change/").text
    assert "changed: Another &lt;A&gt; (Step 1) subject: A → Another &lt;A&gt;" in page
    assert "removed: Random split (Step 3)" in page
    assert 'name="_save"' not in page
    listed = admin_client.get(f"/admin/sequences/sequence/{campaign.sequence_id}/change/").text
    assert "Move everybody to the new steps: 10 of 10, by Ada" in listed
