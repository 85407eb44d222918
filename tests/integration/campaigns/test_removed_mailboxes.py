from datetime import timedelta

import pytest
from django.test import Client

from campaigns import services
from campaigns.exceptions import CampaignError
from core import clock
from delivery.models import Batch, Mailbox, Message, MessageState
from delivery.services import delete_mailbox
from sequences import services as sequences
from sequences.models import Enrolment
from templates_lib.services import archive_template
from tests.factories.campaigns import make_campaign
from tests.factories.sequences import SOURCE, make_mailbox
from tests.factories.team import UserFactory

STEPS = [
    {"kind": "wait", "wait": timedelta(days=1)},
    {"kind": "email", "subject": "One", "source": SOURCE},
]


@pytest.fixture
def mailboxes(workspace):
    return [make_mailbox(workspace, name=name) for name in ("north", "south")]


def launched(workspace, mailboxes, **changes):
    campaign = make_campaign(workspace, kind="drip", steps=STEPS, mailboxes=mailboxes, contacts=6, **changes)
    services.launch_campaign(campaign)
    services.run_launch(campaign.pk)
    return campaign


def test_contacts_on_the_way_go_to_the_other_mailboxes_of_the_pool(workspace, mailboxes, at_nine):
    launched(workspace, mailboxes)
    delete_mailbox(mailboxes[0])
    assert not Mailbox.objects.filter(pk=mailboxes[0].pk).exists()
    assert set(Enrolment.objects.values_list("mailbox_id", flat=True)) == {mailboxes[1].pk}
    sequences.advance_due(now=at_nine + timedelta(days=1))
    assert Message.objects.filter(mailbox=mailboxes[1]).count() == 6


def test_a_mailbox_that_has_sent_is_kept_for_its_messages_and_handed_over(workspace, mailboxes, at_nine):
    campaign = launched(workspace, mailboxes)
    with clock.simulated(at_nine + timedelta(days=1)):
        sequences.advance_due(now=clock.now())
    Message.objects.update(state=MessageState.ACCEPTED)
    Batch.objects.update(state=Batch.State.DONE, finished_at=clock.now())
    services.complete_finished_campaigns()
    other = launched(workspace, mailboxes)
    delete_mailbox(mailboxes[0])
    assert Mailbox.objects.get(pk=mailboxes[0].pk).archived_at
    assert set(other.sequence.enrolments.values_list("mailbox_id", flat=True)) == {mailboxes[1].pk}
    assert campaign.mailboxes.count() == 2


def test_the_only_mailbox_of_a_running_campaign_stays(workspace, mailboxes, at_nine):
    campaign = launched(workspace, mailboxes[:1])
    with pytest.raises(CampaignError, match="only mailbox"):
        delete_mailbox(mailboxes[0])
    services.cancel_campaign(campaign)
    delete_mailbox(mailboxes[0])


def test_a_mailbox_of_a_draft_can_go(workspace, mailboxes, at_nine):
    campaign = make_campaign(workspace, mailboxes=mailboxes[:1])
    delete_mailbox(mailboxes[0])
    assert list(campaign.mailboxes.all()) == []


def test_the_only_mailbox_of_a_scheduled_campaign_stays(workspace, mailboxes, at_nine):
    campaign = make_campaign(workspace, mailboxes=mailboxes[:1])
    services.schedule_campaign(campaign, send_at=at_nine + timedelta(days=1), accept_warnings=True)
    with pytest.raises(CampaignError, match=r"which is scheduled\. Make it a draft again first\."):
        delete_mailbox(mailboxes[0])
    services.unschedule_campaign(campaign)
    delete_mailbox(mailboxes[0])


def test_one_of_two_mailboxes_of_a_scheduled_campaign_can_go(workspace, mailboxes, at_nine):
    campaign = make_campaign(workspace, mailboxes=mailboxes)
    services.schedule_campaign(campaign, send_at=at_nine + timedelta(days=1), accept_warnings=True)
    delete_mailbox(mailboxes[0])
    assert list(campaign.mailboxes.all()) == mailboxes[1:]


def test_a_draft_is_checked_again_without_its_mailbox(workspace, mailboxes, at_nine):
    campaign = make_campaign(workspace, mailboxes=mailboxes[:1])
    services.check_campaign(campaign)
    delete_mailbox(mailboxes[0])
    campaign.refresh_from_db()
    with pytest.raises(CampaignError, match="Choose the mailbox"):
        services.schedule_campaign(campaign, send_at=at_nine + timedelta(days=1), accept_warnings=True)


def test_a_template_in_the_archive_stays_in_the_campaigns_that_use_it(workspace, mailboxes, at_nine):
    campaign = make_campaign(workspace, mailboxes=mailboxes)
    services.schedule_campaign(campaign, send_at=at_nine + timedelta(days=1), accept_warnings=True)
    archive_template(campaign.sequence.versions.get().steps.get().template_version.template)
    services.launch_due_campaigns(now=at_nine + timedelta(days=1))
    campaign.refresh_from_db()
    assert campaign.status == "running"


def test_the_admin_says_why_a_mailbox_stays(workspace, mailboxes, at_nine):
    launched(workspace, mailboxes[:1], name="Spring sale")
    admin = Client()
    admin.force_login(
        UserFactory(is_staff=True, is_superuser=True), backend="django.contrib.auth.backends.ModelBackend"
    )
    url = f"/admin/delivery/mailbox/{mailboxes[0].pk}/delete/"
    page = admin.post(url, {"post": "yes"}, follow=True).content.decode()
    assert "It is the only mailbox of “Spring sale”" in page
    assert "uccessfully" not in page
