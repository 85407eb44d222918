"""A broadcast whose email is tested: parts go out one by one, the winner goes to everybody else."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from abtests.models import Assignment, Experiment
from campaigns import services
from campaigns.models import Launch, Status
from core import clock
from delivery.models import Mailbox, Message
from delivery.services import sending
from team.models import Workspace
from tests.factories import tested
from tests.factories.sequences import make_mailbox
from tests.factories.team import WorkspaceFactory
from tests.factories.tested import HOUR, make_tested, run_hours, work
from tests.integration.campaigns.conftest import START
from tests.plugins.mail import SmtpSink

State = Experiment.State


@pytest.fixture(autouse=True)
def _own_journal(tmp_path, settings) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    yield
    for courier in sending._couriers.values():
        courier.retire(keep_journal=False)
    sending._couriers.clear()


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    return WorkspaceFactory()


@pytest.fixture
def mailbox(workspace: Workspace, smtp_sink: SmtpSink) -> Mailbox:
    return make_mailbox(workspace, host=smtp_sink.host, port=smtp_sink.port)


def test_parts_go_out_one_by_one_and_the_winner_goes_to_the_rest(workspace, mailbox, at_nine):
    campaign, experiment = make_tested(workspace, mailbox, contacts=400, per_arm=80)
    work(campaign)
    assert tested.cells(experiment) == {(part, arm): 20 for part in range(4) for arm in "AB"}
    assert tested.sent_by_arm(experiment) == {"A": 20, "B": 20}

    run_hours(campaign, experiment, {"A": 0.1, "B": 0.8}, start=START, hours=4)
    # The parts went out at 9, 10, 11 and 12; of the first two people count from 12 and 13 on, and that was proof.
    looks = list(experiment.looks.all())
    assert [sum(look.question["trials"]) for look in looks] == [40, 80]
    assert (experiment.state, experiment.outcome, experiment.winner.name) == (State.DECIDED, "WINNER", "B")
    assert tested.sent_by_arm(experiment, counted=True) == {"A": 80, "B": 80}
    assert tested.sent_by_arm(experiment, counted=False) == {"B": 240}
    assert Message.objects.values("contact").distinct().count() == Message.objects.count() == 400

    with clock.simulated(START + 5 * HOUR):
        assert services.complete_finished_campaigns() == 1
    campaign.refresh_from_db()
    assert campaign.status == Status.COMPLETED


def test_parts_that_have_not_gone_out_at_the_verdict_join_the_rest(workspace, mailbox, at_nine):
    campaign, experiment = make_tested(workspace, mailbox, contacts=300, per_arm=80, spacing_minutes=180)
    run_hours(campaign, experiment, {"A": 0.0, "B": 1.0}, start=START, hours=4)
    assert experiment.winner.name == "B"
    assert experiment.looks.count() == 1
    assert tested.sent_by_arm(experiment, counted=True) == {"A": 40, "B": 40}
    assert tested.sent_by_arm(experiment, counted=False) == {"B": 220}
    assert Assignment.objects.count() == 80


def test_a_launch_that_waits_is_not_woken_again_and_again_and_not_completed(workspace, mailbox, at_nine):
    campaign, _ = make_tested(workspace, mailbox, contacts=100, per_arm=20)
    work(campaign)
    with clock.simulated(START + HOUR / 4):
        assert services.resume_stalled() == 1
        work(campaign)
    launch = Launch.objects.get()
    assert (launch.waits_for_test, launch.finished_at, launch.part) == (True, None, 1)
    with clock.simulated(launch.progressed_at + timedelta(minutes=1)):
        assert services.resume_stalled() == 0
        assert services.complete_finished_campaigns() == 0
