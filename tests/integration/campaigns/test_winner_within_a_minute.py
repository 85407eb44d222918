"""With real workers and beat: a verdict is found by itself, and its winner reaches everybody else within a minute."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F, Max

from abtests.models import Experiment
from core import clock
from delivery.models import Message, MessageState, ResponseCounter
from tests.factories import tested
from tests.factories.sequences import make_mailbox
from tests.factories.team import WorkspaceFactory
from tests.factories.tested import make_tested, respond
from tests.plugins.mail import SmtpSink


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"{what} took too long."
        time.sleep(0.2)


def accepted() -> int:
    return Message.objects.filter(state=MessageState.ACCEPTED).count()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_beat_finds_the_verdict_and_the_winner_goes_to_the_rest_at_once(start_worker, smtp_sink: SmtpSink) -> None:
    workspace = WorkspaceFactory()
    mailbox = make_mailbox(workspace, host=smtp_sink.host, port=smtp_sink.port)
    start_worker(concurrency=2, beat=True)
    _, experiment = make_tested(workspace, mailbox, contacts=600, per_arm=50, spacing_minutes=0)
    wait_for(lambda: accepted() == 100, "The test's mail")
    respond(experiment, {"A": 0.1, "B": 0.8}, after=timedelta())
    assert not Experiment.objects.get().looks.exists()

    # Hours go by.
    ResponseCounter.objects.update(sent_hour=F("sent_hour") - timedelta(hours=9))
    experiment.parts.update(released_at=F("released_at") - timedelta(hours=9))
    Experiment.objects.update(look_at=clock.now())
    wait_for(lambda: accepted() == 600, "The winner's mail")
    experiment.refresh_from_db()
    assert (experiment.outcome, experiment.decided_by) == ("WINNER", None)
    assert tested.sent_by_arm(experiment, counted=False) == {"B": 500}
    last = Message.objects.aggregate(last=Max("accepted_at"))["last"]
    assert last - experiment.decided_at < timedelta(minutes=1)
    subjects = [mail.message["Subject"] for mail in smtp_sink.messages]
    assert subjects.count("Version B") == 550
    assert len(subjects) == 600
