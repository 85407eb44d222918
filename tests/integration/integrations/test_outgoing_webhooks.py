"""Outgoing webhooks: what is told, how it is signed, and what happens when nobody listens."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction

from abtests import services as abtests
from campaigns.services import email_of
from core import clock, posting
from core.exceptions import DomainError
from core.standard_webhooks import BadSignatureError, verify
from integrations import services
from integrations.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from integrations.services import delivering
from sequences.services import add_experiment
from team.models import Workspace
from tests.factories.ab_results import make_decided, make_running
from tests.factories.campaigns import make_campaign
from tests.factories.delivery import make_mailing
from tests.factories.team import UserFactory, WorkspaceFactory
from tests.integration.webhook_receiver import Receiver

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def workspace(db) -> Workspace:
    return WorkspaceFactory()


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def made(workspace, receiver) -> tuple[WebhookEndpoint, str]:
    return services.save_endpoint(workspace=workspace, url=receiver.url)


def lower(headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def deliver_until_over(now):
    """Let the time of each try come; return when the last one was."""
    while True:
        services.deliver_webhooks(now=now)
        waiting = WebhookDelivery.objects.filter(state=DeliveryState.WAITING).order_by("due_at").first()
        if waiting is None:
            return now
        now = max(now, waiting.due_at)


def test_a_decided_test_is_told_with_its_winner_and_rates_and_is_signed(workspace, made, receiver):
    _, secret = made
    experiment = make_decided(workspace)
    assert receiver.requests == []  # whoever decides calls nobody
    assert services.deliver_webhooks() == 1

    ((_, headers, body),) = receiver.requests
    assert verify(secret, lower(headers), body, clock.now()) == f"webhook-{WebhookDelivery.objects.get().pk}"
    told = json.loads(body)
    assert told["type"] == "experiment.decided"
    data = told["data"]
    assert data["experiment"] == {"id": experiment.pk, "name": "Which subject line?"}
    assert data["outcome"] == "WINNER"
    assert data["winner"] == {"number": 2, "letter": "B", "name": experiment.winner.name}
    assert data["goes_on"] == [data["winner"]]
    first, second = data["results"]
    assert (first["letter"], second["letter"]) == ("A", "B")
    assert second["rate"] == second["responded"] / second["counted"] > first["rate"]
    assert second["interval"]["low"] < second["rate"] < second["interval"]["high"]
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.status, delivery.attempts) == (DeliveryState.DONE, 200, 1)
    assert services.deliver_webhooks(now=clock.now() + DAY) == 0


def test_it_is_told_whose_campaign_it_is_and_that_it_was_stopped(workspace, receiver, made):
    campaign = make_campaign(workspace, name="Spring")
    experiment = add_experiment(campaign.sequence, key=email_of(campaign).key)
    mailings = {variant.pk: make_mailing(workspace).pk for variant in experiment.variants.all()}
    abtests.prepare(experiment, mailing_ids=mailings)
    abtests.stop(experiment)
    services.deliver_webhooks()

    data = json.loads(receiver.requests[0][2])["data"]
    assert data["experiment"]["campaign"] == {"id": campaign.pk, "name": "Spring"}
    assert (data["outcome"], data["winner"], [one["letter"] for one in data["goes_on"]]) == ("stopped", None, ["A"])
    assert [one["rate"] for one in data["results"]] == [None, None]


def test_what_is_undone_is_not_told(workspace, made, receiver):
    experiment = make_running(workspace)
    try:
        with transaction.atomic():
            abtests.choose_winner(experiment, variant=experiment.variants.last(), by=UserFactory())
            assert WebhookDelivery.objects.count() == 1
            raise InterruptedError
    except InterruptedError:
        pass
    assert services.deliver_webhooks() == 0
    assert receiver.requests == []


def test_nobody_else_is_told(workspace, receiver):
    services.save_endpoint(workspace=WorkspaceFactory(), url=receiver.url)
    services.save_endpoint(workspace=workspace, url=f"{receiver.url}&off", is_active=False)
    make_decided(workspace)
    assert not WebhookDelivery.objects.exists()


def test_what_fails_is_tried_again_under_the_same_id_and_given_up(made, receiver):
    receiver.answer = 500
    begun = clock.now()
    delivery = services.send_test(made[0])
    ended = deliver_until_over(begun + timedelta(seconds=1))

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.status) == (DeliveryState.FAILED, 10, 500)
    assert delivery.error == "The answer was 500. said so"
    assert ended - begun > DAY
    assert len({headers["webhook-id"] for _, headers, _ in receiver.requests}) == 1
    assert len(receiver.requests) == 10
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.is_active
    assert endpoint.failing_since is not None

    receiver.answer = 204
    services.resend(delivery)
    services.deliver_webhooks()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.error, len(receiver.requests)) == (DeliveryState.DONE, "", 11)
    assert WebhookEndpoint.objects.get().failing_since is None


def test_an_endpoint_that_nothing_gets_through_to_for_days_is_turned_off(made, receiver):
    endpoint = made[0]
    receiver.answer = 500
    now = clock.now() + timedelta(seconds=1)
    for _ in range(3):
        assert WebhookEndpoint.objects.get().is_active
        services.send_test(endpoint)
        WebhookDelivery.objects.filter(state=DeliveryState.WAITING).update(due_at=now)
        now = deliver_until_over(now) + DAY

    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.problem[:27]) == (False, "Nothing got through since 2")
    made_anew = services.save_endpoint(workspace=endpoint.workspace, endpoint=endpoint, is_active=True)[0]
    assert (made_anew.failing_since, made_anew.problem) == (None, "")


def test_who_is_gone_is_turned_off_with_all_that_waits(made, receiver):
    receiver.answer = 410
    services.send_test(made[0])
    later = services.send_test(made[0])
    WebhookDelivery.objects.filter(pk=later.pk).update(due_at=clock.now() + DAY)
    services.deliver_webhooks()

    endpoint = WebhookEndpoint.objects.get()
    assert not endpoint.is_active
    assert "410" in endpoint.problem
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {DeliveryState.FAILED}
    assert len(receiver.requests) == 1
    with pytest.raises(DomainError, match="off"):
        services.resend(WebhookDelivery.objects.first())


def test_one_that_hangs_holds_up_no_other(workspace, made, receiver, monkeypatch):
    monkeypatch.setattr(posting.post, "__kwdefaults__", {"timeout": 0.5})
    receiver.answer = 0
    other = Receiver()
    told, _ = services.save_endpoint(workspace=workspace, url=other.url)
    now = clock.now() + timedelta(seconds=1)
    for _ in range(20):
        services.send_test(made[0])
    services.send_test(told)

    assert services.deliver_webhooks(now=now) <= 2 * delivering.PER_ENDPOINT + 1
    assert len(other.requests) == 1
    assert not made[0].deliveries.filter(due_at__lte=now).exists()
    assert made[0].deliveries.filter(error="No answer within 0.5 seconds.").exists()
    other.close()


def test_for_a_day_both_secrets_sign(made, receiver):
    endpoint, old = made
    new = services.renew_endpoint_secret(endpoint)
    services.send_test(endpoint)
    services.deliver_webhooks()
    _, headers, body = receiver.requests[0]
    for secret in (old, new):
        assert verify(secret, lower(headers), body, clock.now())

    WebhookEndpoint.objects.update(old_secret_until=clock.now())
    services.send_test(endpoint)
    services.deliver_webhooks()
    _, headers, body = receiver.requests[1]
    assert verify(new, lower(headers), body, clock.now())
    with pytest.raises(BadSignatureError):
        verify(old, lower(headers), body, clock.now())


def test_webhooks_never_go_into_the_private_network(made, receiver, settings):
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False
    delivery = services.send_test(made[0])
    services.deliver_webhooks()
    delivery.refresh_from_db()
    assert (delivery.state, receiver.requests) == (DeliveryState.WAITING, [])
    assert "private network" in delivery.error


def test_a_worker_that_died_leaves_it_to_another(made, receiver):
    services.send_test(made[0])
    now = clock.now() + timedelta(seconds=1)
    (claimed,) = delivering._claim(now)
    assert services.deliver_webhooks(now=now) == 0
    (taken_over,) = delivering._claim(now + delivering.LEASE)
    assert taken_over.attempts == 2
    # The first one comes back after all: it has lost the delivery.
    ready, _ = delivering._prepared([claimed], now)
    delivering._settle([delivering.Result(ready[0], "Too late.")], now)
    delivery = WebhookDelivery.objects.get()
    assert (delivery.error, delivery.due_at) == ("", taken_over.due_at)
    assert services.deliver_webhooks(now=now + 2 * delivering.LEASE) == 1
    assert WebhookDelivery.objects.get().state == DeliveryState.DONE


def test_what_is_over_is_forgotten_after_a_month(made, receiver):
    old, new = services.send_test(made[0]), services.send_test(made[0])
    services.deliver_webhooks()
    WebhookDelivery.objects.filter(pk=old.pk).update(finished_at=clock.now() - timedelta(days=31))
    assert services.forget_deliveries() == 1
    assert WebhookDelivery.objects.get() == new
