"""A broadcast whose email is tested: parts go out one by one, the winner goes to everybody else."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from abtests import services as abtests
from abtests.models import Assignment, Experiment
from campaigns import services
from campaigns.exceptions import NotReadyError
from campaigns.models import Launch, Status
from core import clock
from delivery.models import Mailbox, Message
from delivery.services import sending
from team.models import Workspace
from tests.factories import tested
from tests.factories.sequences import make_mailbox
from tests.factories.team import UserFactory, WorkspaceFactory
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


def test_a_launch_that_is_killed_anywhere_goes_on_where_it_stopped(workspace, mailbox, at_nine, monkeypatch):
    from campaigns.services import launching, parts

    campaign, experiment = make_tested(workspace, mailbox, contacts=300, per_arm=80)

    def killed(module, name: str, at_call: int) -> None:
        original, calls = getattr(module, name), []

        def die(*args, **kwargs):
            calls.append(args)
            if len(calls) == at_call:
                raise KeyboardInterrupt
            return original(*args, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(module, name, die)
            with pytest.raises(KeyboardInterrupt):
                services.run_launch(campaign.pk, chunk=10)

    killed(parts.abtests, "begin_cells", 1)
    killed(launching, "_enrol_chunk", 3)  # in the first part
    killed(parts, "_move", 1)  # between two parts
    run_hours(campaign, experiment, {"A": 0.1, "B": 0.8}, start=START, hours=3)
    killed_once: list[int] = []
    original = launching._enrol_chunk

    def die_once(campaign, contact_ids, part, position):
        if part is None and len(killed_once) < 2:
            killed_once.append(position)
            if len(killed_once) == 2:
                raise KeyboardInterrupt
        return original(campaign, contact_ids, part, position)

    monkeypatch.setattr(launching, "_enrol_chunk", die_once)
    with clock.simulated(START + 4 * HOUR):
        assert abtests.take_due_looks() == 1
        with pytest.raises(KeyboardInterrupt):
            services.run_launch(campaign.pk, chunk=10)
    monkeypatch.undo()
    run_hours(campaign, experiment, {}, start=START + 4 * HOUR, hours=1)
    assert experiment.outcome == "WINNER"
    counted = tested.sent_by_arm(experiment, counted=True)
    assert counted["A"] == counted["B"]
    assert set(tested.sent_by_arm(experiment, counted=False)) == {"B"}
    assert Message.objects.values("contact").distinct().count() == Message.objects.count() == 300
    assert Launch.objects.get().finished_at is not None


def test_a_campaign_takes_its_test_along_when_it_pauses_goes_on_and_is_cancelled(workspace, mailbox, at_nine):
    campaign, experiment = make_tested(workspace, mailbox, contacts=200, per_arm=40)
    work(campaign)
    services.pause_campaign(campaign)
    experiment.refresh_from_db()
    assert experiment.state == State.PAUSED
    with clock.simulated(START + 5 * HOUR):
        work(campaign)
        assert tested.sent_by_arm(experiment) == {"A": 10, "B": 10}
        services.resume_campaign(campaign)
        experiment.refresh_from_db()
        assert experiment.state == State.RUNNING
        services.cancel_campaign(campaign)
        work(campaign)
    experiment.refresh_from_db()
    assert (experiment.state, experiment.outcome) == (State.STOPPED, "stopped")
    assert Message.objects.count() == 20


def test_who_is_asked_lets_the_rest_wait_until_they_choose(workspace, mailbox, at_nine):
    campaign, experiment = make_tested(workspace, mailbox, contacts=120, per_arm=20, without_proof="ask")
    run_hours(campaign, experiment, {"A": 0.5, "B": 0.5}, start=START, hours=8)
    assert (experiment.state, experiment.winner) == (State.DECIDED, None)
    assert Message.objects.count() == 40
    with clock.simulated(START + 30 * HOUR):
        assert services.complete_finished_campaigns() == 0
        abtests.choose_winner(experiment, variant=experiment.variants.get(name="B"), by=UserFactory())
        work(campaign)
        assert tested.sent_by_arm(experiment, counted=False) == {"B": 80}


def test_equal_parts_go_to_the_rest_and_do_not_count(workspace, mailbox, at_nine):
    campaign, experiment = make_tested(workspace, mailbox, contacts=240, per_arm=20, without_proof="equal")
    run_hours(campaign, experiment, {"A": 0.5, "B": 0.5}, start=START, hours=8)
    rest = tested.sent_by_arm(experiment, counted=False)
    assert sum(rest.values()) == 200
    assert min(rest.values()) > 60


def test_an_optimised_broadcast_goes_out_in_parts_to_everybody(workspace, mailbox, at_nine):
    campaign, experiment = make_tested(workspace, mailbox, contacts=1000, mode="bandit")
    run_hours(campaign, experiment, {"A": 0.2, "B": 0.8}, start=START, hours=5)
    assert (experiment.state, experiment.outcome) == (State.DECIDED, "bandit")
    weights: list[list[float]] = list(experiment.parts.values_list("weights", flat=True))
    assert weights[0] == [0.5, 0.5]
    assert weights[-1][1] > 0.9
    assert Message.objects.values("contact").distinct().count() == Message.objects.count() == 1000
    assert not Message.objects.filter(stratum=0).exists()
    assert sum(experiment.parts.values_list("size", flat=True)) == 1000


def test_the_check_says_what_keeps_a_test_from_starting_or_proving_anything(workspace, mailbox, at_nine):
    few, _ = make_tested(workspace, mailbox, contacts=3, arms=4, launched=False)
    check = services.check_campaign(few)
    assert {finding["code"]: finding["level"] for finding in check.findings}["test_audience"] == "error"
    with pytest.raises(NotReadyError, match="4 versions for 3 recipients"):
        services.launch_campaign(few, accept_warnings=True)

    weak, test = make_tested(workspace, mailbox, contacts=60, launched=False)
    check = services.check_campaign(weak)
    (found,) = [finding for finding in check.findings if finding["code"].startswith("test_")]
    assert (found["code"], found["level"]) == ("test_power", "warning")
    assert "30 recipients a version" in found["message"]
    assert "with 95 % from a lead of 30 points on" in found["message"]

    test.variants.filter(name="B").update(subject="")
    abtests.update_experiment(test, per_arm=None)
    services.run_check(services.start_check(weak).pk)
    check = weak.checks.latest("id")
    assert "test_same" in {finding["code"] for finding in check.findings}
