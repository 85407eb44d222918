"""A tested broadcast to 20,000, whose workers are killed in a part, between parts and in the rest: who got what, and what is said of it."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.db.models import F, Sum
from django.test import Client
from django.urls import reverse

from abtests.models import Assignment, Experiment
from abtests.strata import NOT_COUNTED
from campaigns import selectors as campaigns
from campaigns import services
from campaigns.models import Campaign, Launch, Status
from core import clock, facts
from delivery import selectors as delivery
from delivery.models import Attempt, Message, MessageState, ResponseCounter
from tests.factories.sequences import make_mailbox
from tests.factories.team import ApiTokenFactory, MembershipFactory, WorkspaceFactory
from tests.factories.tested import cells, make_tested
from tests.factories.tracking import make_hit
from tests.faults.receiver import receiving
from tests.faults.waiting import wait_for
from tests.plugins.workers import WorkerProcess
from tracking import services as tracking

CONTACTS = 20_000
ARMS = "ABC"
PARTS = 4
IN_A_PART = 500  # of each version
IN_THE_TEST = IN_A_PART * PARTS * len(ARMS)
OPENED = {"A": 0.2, "B": 0.2, "C": 0.3}
WINNER = "C"
HOURS = timedelta(hours=9)

SUBJECT = re.compile(rb"^Subject: (?:Version )?(\w+)", re.MULTILINE)
MESSAGE_ID = re.compile(rb"^Message-ID:\s+(\S+)", re.MULTILINE | re.IGNORECASE)


class Copy(NamedTuple):
    """One message as it arrived: its version by its subject, and its Message-ID."""

    arm: str
    message_id: bytes


@dataclass
class Post:
    """What arrived, by address; known from the wire alone."""

    copies: dict[str, list[Copy]] = field(default_factory=lambda: defaultdict(list))

    def take(self, address: str, content: bytes) -> None:
        subject, message_id = SUBJECT.search(content), MESSAGE_ID.search(content)
        assert subject is not None
        assert message_id is not None
        word = subject[1].decode()
        self.copies[address].append(Copy("A" if word == "Hello" else word, message_id[1]))

    def arms(self) -> dict[str, str]:
        """Return each address's version.  Raises ValueError when one got two."""
        found = {}
        for address, copies in self.copies.items():
            (found[address],) = {copy.arm for copy in copies}
        return found


def settled() -> int:
    """Count the messages that need nothing more."""
    return Message.objects.filter(state__in=(MessageState.ACCEPTED, MessageState.UNKNOWN)).count()


def open_mail(addresses: set[str]) -> None:
    """Let these people open their mail as soon as it is there."""
    messages = Message.objects.filter(contact__email__in=addresses)
    tracking.record_hits([make_hit(message, message.accepted_at) for message in messages])  # type: ignore[arg-type]  # accepted ones
    facts.deliver()


def let_hours_go_by(experiment: Experiment) -> None:
    ResponseCounter.objects.update(sent_hour=F("sent_hour") - HOURS)
    experiment.parts.update(released_at=F("released_at") - HOURS)
    Experiment.objects.update(look_at=clock.now())


def in_doubt() -> set[str]:
    """Return the addresses of which the ledger says that their mail may have arrived or not."""
    return set(Message.objects.filter(state=MessageState.UNKNOWN).values_list("contact__email", flat=True))


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.django_db(transaction=True)
def test_each_gets_one_version_and_the_rest_the_winner_though_workers_die(
    start_worker: Callable[..., WorkerProcess], client: Client
) -> None:
    workspace, post = WorkspaceFactory(), Post()
    with receiving(note=post.take) as receiver:
        mailbox = make_mailbox(workspace, port=receiver.port)
        campaign, experiment = make_tested(
            workspace,
            mailbox,
            contacts=CONTACTS,
            arms=len(ARMS),
            launched=False,
            per_arm=IN_A_PART * PARTS,
            batches=PARTS,
        )
        services.run_check(services.start_check(campaign).pk)
        services.launch_campaign(campaign, accept_warnings=True)
        part = IN_A_PART * len(ARMS)

        worker = start_worker(concurrency=2, beat=True)
        wait_for(lambda: receiver.count > part // 3, 60)
        worker.kill()
        assert receiver.count < part, "killed in mid-part"

        worker = start_worker(concurrency=2, beat=True)
        wait_for(lambda: settled() == part and Launch.objects.get().waits_for_test, 90)
        worker.kill()
        assert receiver.count <= part
        experiment.parts.filter(released_at=None).update(release_at=clock.now())

        worker = start_worker(concurrency=2, beat=True)
        wait_for(lambda: settled() == IN_THE_TEST, 90)
        tested = post.arms()
        doubted = in_doubt()
        people: dict[str, list[str]] = {arm: [] for arm in ARMS}
        for address, arm in sorted(tested.items()):
            if address not in doubted:
                people[arm].append(address)
        openers = {arm: set(people[arm][: round(len(people[arm]) * share)]) for arm, share in OPENED.items()}
        open_mail(set().union(*openers.values()))
        opened = sum(map(len, openers.values()))
        wait_for(lambda: ResponseCounter.objects.aggregate(opened=Sum("opened"))["opened"] == opened, 30)
        let_hours_go_by(experiment)

        wait_for(lambda: receiver.count > IN_THE_TEST + 3_000, 90)
        worker.kill()
        assert receiver.count < CONTACTS, "killed in the rest"

        start_worker(concurrency=2, beat=True)
        wait_for(lambda: Campaign.objects.get().status == Status.COMPLETED, 150)

    # The lots: cells of equal size, and everybody in them got what was theirs.
    assert cells(experiment) == {(number, arm): IN_A_PART for number in range(PARTS) for arm in ARMS}
    lots = dict(Assignment.objects.values_list("contact__email", "variant__name"))
    got, doubted = post.arms(), in_doubt()
    everybody = {f"list0-{number}@example.com" for number in range(CONTACTS)}
    assert got == {address: lots.get(address, WINNER) for address in everybody if address in got}
    assert {address: arm for address, arm in got.items() if address in lots} == tested

    # Nobody is missing and nobody got it twice but those of whom it is said that it isn't known.
    repeated = {address for address, copies in post.copies.items() if len(copies) > 1}
    assert everybody - got.keys() <= doubted
    assert repeated <= doubted
    assert all(len({copy.message_id for copy in copies}) == 1 for copies in post.copies.values())
    assert len({copies[0].message_id for copies in post.copies.values()}) == len(got)
    assert Message.objects.count() == CONTACTS
    assert Attempt.objects.filter(outcome=MessageState.UNKNOWN).count() == len(doubted)

    # What is said is what arrived, to the last digit.
    sent = Counter(arm for address, arm in got.items() if address in lots and address not in doubted)
    rest = sum(address not in lots and address not in doubted for address in got)
    totals = delivery.totals(campaigns.mailing_ids(campaign))
    assert (totals.accepted, totals.unknown) == (CONTACTS - len(doubted), len(doubted))
    counters = ResponseCounter.objects.filter(stratum=NOT_COUNTED)
    assert counters.values_list("mailing__subject").annotate(Sum("sent")).get() == (f"Version {WINNER}", rest)

    experiment.refresh_from_db()
    report = results_by_api(client, experiment)
    assert (report["test"]["outcome"], report["test"]["winner"]) == ("WINNER", WINNER)
    assert [each["size"] for each in report["parts"]] == [part] * PARTS
    assert [(each["version"], each["sent"], each["counted"], each["responded"]) for each in report["versions"]] == [
        (arm, sent[arm], sent[arm], len(openers[arm])) for arm in ARMS
    ]
    asked = report["looks"][-1]["question"]
    assert asked["trials"] == [sent[arm] for arm in ARMS]
    assert asked["successes"] == [len(openers[arm]) for arm in ARMS]
    client.force_login(MembershipFactory(workspace=workspace).user)
    page = client.get(reverse("abtests:results", args=[experiment.pk])).content.decode()
    for arm in ARMS:
        assert f'title="{len(openers[arm]):,} of {sent[arm]:,}"' in page


def results_by_api(client: Client, experiment: Experiment) -> dict[str, Any]:
    owner = MembershipFactory(workspace=experiment.workspace).user
    secret = ApiTokenFactory(workspace=experiment.workspace, created_by=owner).secret
    answer = client.get(f"/api/v1/experiments/{experiment.pk}/results/", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    return answer.json()
