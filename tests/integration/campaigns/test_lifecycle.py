from datetime import timedelta

import pytest

from campaigns import services
from campaigns.exceptions import CampaignError, InvalidCampaign, NotReadyError
from campaigns.models import Campaign, Launch, Status
from core import clock, facts
from delivery.events import MessagesAccepted
from delivery.models import Batch, Mailing, Message, MessageState
from sequences import services as sequences
from sequences.models import Enrolment, Sequence
from tests.factories.campaigns import make_campaign

HOUR = timedelta(hours=1)


def launched(workspace, **changes) -> Campaign:
    campaign = make_campaign(workspace, **changes)
    services.launch_campaign(campaign)
    return campaign


def send_everything(campaign) -> None:
    """Do what workers do: enrol, advance, and have every message accepted."""
    services.run_launch(campaign.pk)
    sequences.advance_due(now=clock.now())
    for mailing in Mailing.objects.filter(steps__version__sequence=campaign.sequence):
        ids = list(Message.objects.filter(mailing=mailing, state=MessageState.QUEUED).values_list("pk", flat=True))
        if ids:
            Message.objects.filter(pk__in=ids).update(state=MessageState.ACCEPTED, accepted_at=clock.now())
            Batch.objects.filter(mailing=mailing).update(state=Batch.State.DONE, finished_at=clock.now())
            facts.record(
                MessagesAccepted(mailing.pk, ids, clock.now()),
                workspace_id=mailing.workspace_id,
                occurred_at=clock.now(),
            )
    facts.deliver()


def in_status(workspace, status: Status) -> Campaign:
    """Bring a campaign into a status by the services alone."""
    campaign = make_campaign(workspace)
    if status == Status.SCHEDULED:
        services.schedule_campaign(campaign, send_at=clock.now() + HOUR)
    elif status != Status.DRAFT:
        services.launch_campaign(campaign)
        if status == Status.PAUSED:
            services.pause_campaign(campaign)
        elif status == Status.CANCELLED:
            services.cancel_campaign(campaign)
        elif status == Status.COMPLETED:
            send_everything(campaign)
            services.complete_finished_campaigns()
            campaign.refresh_from_db()
    assert campaign.status == status
    return campaign


TRANSITIONS = {
    "schedule": (lambda campaign: services.schedule_campaign(campaign, send_at=clock.now() + HOUR), Status.SCHEDULED),
    "unschedule": (services.unschedule_campaign, Status.DRAFT),
    "launch": (services.launch_campaign, Status.RUNNING),
    "pause": (services.pause_campaign, Status.PAUSED),
    "resume": (services.resume_campaign, Status.RUNNING),
    "cancel": (services.cancel_campaign, Status.CANCELLED),
}
ALLOWED = {
    ("schedule", Status.DRAFT),
    ("unschedule", Status.SCHEDULED),
    ("launch", Status.DRAFT),
    ("launch", Status.SCHEDULED),
    ("pause", Status.RUNNING),
    ("resume", Status.PAUSED),
    ("cancel", Status.SCHEDULED),
    ("cancel", Status.RUNNING),
    ("cancel", Status.PAUSED),
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_every_transition_is_made_or_refused(workspace, at_nine, name, status):
    campaign = in_status(workspace, status)
    move, after = TRANSITIONS[name]
    if (name, status) in ALLOWED:
        move(campaign)
        assert campaign.status == after
    else:
        with pytest.raises(CampaignError, match=campaign.get_status_display().lower()):
            move(campaign)
    campaign.refresh_from_db()
    assert campaign.status == (after if (name, status) in ALLOWED else status)


def test_a_launch_pushes_down_what_the_campaign_says(workspace, at_nine):
    campaign = launched(workspace, track_opens=False)
    mailing = Mailing.objects.get()
    assert mailing.name == "Spring"
    assert mailing.subject == "Hello {{ firstName }}"
    assert mailing.context == {"campaign": {"name": "Spring"}}
    assert not mailing.track_opens
    assert campaign.launched_at == at_nine
    assert campaign.sequence.state == Sequence.State.RUNNING
    assert campaign.launch.expected == 3


def test_two_launches_of_the_same_campaign_make_one(workspace, at_nine):
    campaign = make_campaign(workspace)
    twin = Campaign.objects.get(pk=campaign.pk)
    services.launch_campaign(campaign)
    with pytest.raises(CampaignError, match="running"):
        services.launch_campaign(twin)
    assert Mailing.objects.count() == 1


def test_the_background_job_enrols_everybody_once_however_often_it_runs(workspace, at_nine):
    campaign = launched(workspace, contacts=25)
    services.run_launch(campaign.pk, chunk=10)
    services.run_launch(campaign.pk, chunk=10)
    launch = Launch.objects.get()
    assert (launch.enrolled, launch.finished_at) == (25, at_nine)
    assert Enrolment.objects.count() == 25


def test_a_killed_launch_goes_on_where_it_stopped(workspace, at_nine, monkeypatch):
    from campaigns.services import launching

    campaign = launched(workspace, contacts=25)
    original = launching._enrol_chunk
    calls: list[object] = []

    def die_after_two(*args):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(args)
        return original(*args)

    monkeypatch.setattr(launching, "_enrol_chunk", die_after_two)
    with pytest.raises(KeyboardInterrupt):
        services.run_launch(campaign.pk, chunk=10)
    assert Launch.objects.get().enrolled == 20
    monkeypatch.undo()

    services.run_launch(campaign.pk, chunk=10)
    assert Launch.objects.get().enrolled == 25
    assert Enrolment.objects.count() == 25


def test_a_stalled_launch_is_sent_to_a_worker_again(workspace, at_nine, django_capture_on_commit_callbacks):
    campaign = launched(workspace)
    assert services.resume_stalled() == 0
    with clock.simulated(at_nine + HOUR), django_capture_on_commit_callbacks(execute=True) as sent:
        assert services.resume_stalled() == 1
    assert len(sent) == 1
    services.run_launch(campaign.pk)
    with clock.simulated(at_nine + 2 * HOUR):
        assert services.resume_stalled() == 0


def test_suppressed_contacts_are_not_enrolled(workspace, at_nine):
    from contacts.models import Contact
    from contacts.services import suppress

    campaign = make_campaign(workspace, contacts=4)
    email = Contact.objects.order_by("pk").values_list("email", flat=True)[1]
    suppress(workspace_id=workspace.pk, email=email, reason="manual")
    services.launch_campaign(campaign)
    services.run_launch(campaign.pk)
    assert campaign.launch.expected == 3
    assert sorted(Enrolment.objects.values_list("contact__email", flat=True)) == [
        "list0-0@example.com",
        "list0-2@example.com",
        "list0-3@example.com",
    ]


def test_a_campaign_completes_when_nobody_is_on_the_way_and_nothing_is_queued(workspace, at_nine):
    campaign = launched(workspace)
    assert services.complete_finished_campaigns() == 0  # not enrolled yet
    services.run_launch(campaign.pk)
    assert services.complete_finished_campaigns() == 0  # enrolled, not queued
    sequences.advance_due(now=at_nine)
    assert services.complete_finished_campaigns() == 0  # queued
    send_everything(campaign)
    assert services.complete_finished_campaigns() == 1
    campaign.refresh_from_db()
    assert (campaign.status, campaign.completed_at) == (Status.COMPLETED, at_nine)

    sequences.sweep_closed()
    assert not Enrolment.objects.exists()
    assert Message.objects.count() == 3


def test_completion_asks_a_fixed_number_of_questions(workspace, at_nine, django_assert_max_num_queries):
    for _ in range(3):
        services.run_launch(launched(workspace).pk)
    with django_assert_max_num_queries(4):
        assert services.complete_finished_campaigns() == 0


def test_a_drip_completes_after_its_last_message(workspace, at_nine):
    from tests.factories.sequences import SOURCE

    steps = [
        {"kind": "email", "subject": "One", "source": SOURCE},
        {"kind": "wait", "wait": 2 * HOUR},
        {"kind": "email", "subject": "Two", "source": SOURCE},
    ]
    campaign = launched(workspace, kind="drip", steps=steps)
    send_everything(campaign)
    assert services.complete_finished_campaigns() == 0
    with clock.simulated(at_nine + 2 * HOUR):
        send_everything(campaign)
        assert services.complete_finished_campaigns() == 1
    assert Message.objects.count() == 6


def test_a_pause_holds_queued_mail_and_a_cancellation_cancels_it(workspace, at_nine):
    campaign = launched(workspace)
    services.run_launch(campaign.pk)
    sequences.advance_due(now=at_nine)
    services.pause_campaign(campaign)
    assert set(Batch.objects.values_list("state", flat=True)) == {Batch.State.HELD}
    services.cancel_campaign(campaign)
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.CANCELLED}
    services.complete_finished_campaigns()
    campaign.refresh_from_db()
    assert campaign.status == Status.CANCELLED


def test_a_cancelled_launch_stops_enrolling(workspace, at_nine):
    campaign = launched(workspace)
    services.cancel_campaign(campaign)
    services.run_launch(campaign.pk)
    assert not Enrolment.objects.exists()


def test_a_scheduled_campaign_starts_at_its_time_and_not_before(workspace, at_nine):
    campaign = make_campaign(workspace)
    services.schedule_campaign(campaign, send_at=at_nine + HOUR, time_zone="Europe/Berlin")
    assert campaign.time_zone == "Europe/Berlin"
    assert services.launch_due_campaigns(now=at_nine + HOUR - timedelta(seconds=1)) == 0
    assert services.launch_due_campaigns(now=at_nine + HOUR) == 1
    assert services.launch_due_campaigns(now=at_nine + HOUR) == 0
    campaign.refresh_from_db()
    assert campaign.status == Status.RUNNING


def test_the_past_is_refused_as_a_schedule(workspace, at_nine):
    campaign = make_campaign(workspace)
    with pytest.raises(InvalidCampaign) as error:
        services.schedule_campaign(campaign, send_at=at_nine)
    assert "send_at" in error.value.fields
    with pytest.raises(InvalidCampaign, match="time to send"):
        services.schedule_campaign(campaign)


def test_a_scheduled_campaign_that_can_not_start_becomes_a_draft_that_says_why_and_stops_no_other(workspace, at_nine):
    from delivery.models import Mailbox
    from tests.factories.sequences import make_mailbox

    gone = make_mailbox(workspace, name="gone")
    broken = make_campaign(workspace, mailbox=gone)
    fine = make_campaign(workspace, mailbox=make_mailbox(workspace))
    for campaign in (broken, fine):
        services.schedule_campaign(campaign, send_at=at_nine + HOUR)
    Mailbox.objects.filter(pk=gone.pk).update(archived_at=at_nine)

    assert services.launch_due_campaigns(now=at_nine + HOUR) == 1
    broken.refresh_from_db()
    fine.refresh_from_db()
    assert (broken.status, fine.status) == (Status.DRAFT, Status.RUNNING)
    assert "no mailbox" in broken.problem
    assert not Launch.objects.filter(campaign=broken).exists()


def test_a_launch_needs_a_check_without_errors_and_confirmed_warnings(workspace, at_nine):
    nobody = make_campaign(workspace, contacts=0)
    with pytest.raises(NotReadyError) as error:
        services.launch_campaign(nobody)
    assert error.value.code == "check_failed"

    warned = make_campaign(workspace, subject="x" * 80)
    with pytest.raises(NotReadyError) as error:
        services.launch_campaign(warned)
    assert error.value.code == "warnings_unconfirmed"
    assert error.value.fields["findings"]
    services.launch_campaign(warned, accept_warnings=True)
    assert warned.status == Status.RUNNING


def test_a_large_audience_must_have_been_checked_before(workspace, at_nine, monkeypatch):
    from campaigns.services import checks

    monkeypatch.setattr(checks, "CHECKED_AT_LAUNCH", 2)
    campaign = make_campaign(workspace, contacts=3)
    with pytest.raises(NotReadyError) as error:
        services.launch_campaign(campaign)
    assert error.value.code == "check_required"
    services.run_check(services.start_check(campaign).pk)
    services.launch_campaign(campaign)


def test_a_check_of_an_older_version_or_another_day_does_not_count(workspace, at_nine, monkeypatch):
    from campaigns.services import checks

    monkeypatch.setattr(checks, "CHECKED_AT_LAUNCH", 0)
    campaign = make_campaign(workspace)
    services.run_check(services.start_check(campaign).pk)
    services.update_campaign(campaign, changes={"subject": "Changed"})
    with pytest.raises(NotReadyError):
        services.launch_campaign(campaign)
    services.run_check(services.start_check(campaign).pk)
    with clock.simulated(at_nine + timedelta(days=2)), pytest.raises(NotReadyError):
        services.launch_campaign(campaign)


def test_who_is_in_the_audience_is_decided_at_the_launch(workspace, at_nine):
    from contacts.models import ListMember
    from tests.factories.sequences import make_contacts

    campaign = make_campaign(workspace, contacts=2)
    services.schedule_campaign(campaign, send_at=at_nine + HOUR)
    (late,) = make_contacts(workspace, 1, prefix="late")
    ListMember.objects.create(list=campaign.lists.get(), contact_id=late)
    services.launch_due_campaigns(now=at_nine + HOUR)
    services.run_launch(campaign.pk)
    assert Enrolment.objects.count() == 3
