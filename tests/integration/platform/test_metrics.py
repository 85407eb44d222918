"""What Prometheus reads at /metrics."""

import time
from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from config import heartbeats
from core import clock
from core import redis as core_redis
from delivery import services
from delivery.models import Batch
from tests.factories import delivery as make
from tests.plugins.mail import ACCEPTED, ReceivedMail, SmtpSink

pytestmark = pytest.mark.django_db


def scrape(
    client: Client, headers: Mapping[str, str] | None = None
) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def value(samples: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: object) -> float:
    return samples[name, frozenset((key, str(one)) for key, one in labels.items())]


def test_what_was_sent_is_counted_by_mailbox(client: Client, smtp_sink: SmtpSink) -> None:
    workspace = make.make_workspace()
    mailbox = make.make_mailbox(workspace, port=smtp_sink.port)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 4))
    services.dispatch_due()
    found = scrape(client)
    labels = {"mailbox": mailbox.pk, "domain": "acme.example"}
    assert value(found, "drumbeat_messages_total", outcome="accepted", **labels) == 4
    assert value(found, "drumbeat_messages_total", outcome="unknown", **labels) == 0
    assert value(found, "drumbeat_mailbox_rate", **labels) == 4
    assert value(found, "drumbeat_mailbox_active", **labels) == 1


def test_how_long_a_server_takes_to_answer_is_a_histogram_of_its_mailbox(client: Client, smtp_sink: SmtpSink) -> None:
    workspace = make.make_workspace()
    addresses = [f"{name}@acme.example" for name in ("quick", "slow", "silent")]
    quick, slow, silent = (make.make_mailbox(workspace, port=smtp_sink.port, from_email=each) for each in addresses)
    people = make.make_contacts(workspace, 4)
    make.queue(make.make_mailing(workspace), quick, people)
    services.dispatch_due()

    def dawdle(_: ReceivedMail) -> str:
        time.sleep(0.3)
        return ACCEPTED

    smtp_sink.on_data = dawdle
    make.queue(make.make_mailing(workspace), slow, people[:1])
    services.dispatch_due()

    found = scrape(client)
    name = "drumbeat_mailbox_answer_seconds"
    labels = {"mailbox": slow.pk, "domain": "acme.example"}
    assert value(found, f"{name}_count", **{**labels, "mailbox": quick.pk}) == 4
    assert value(found, f"{name}_count", **labels) == 1
    assert 0.3 <= value(found, f"{name}_sum", **labels) < 10
    assert value(found, f"{name}_bucket", le="0.25", **labels) == 0
    assert value(found, f"{name}_bucket", le="+Inf", **labels) == 1
    assert (f"{name}_count", frozenset({("mailbox", str(silent.pk)), ("domain", "acme.example")})) not in found


def test_what_waits_is_told_by_its_reason_and_for_how_long(client: Client) -> None:
    workspace = make.make_workspace()
    mailbox = make.make_mailbox(workspace)
    people = make.make_contacts(workspace, 5)
    make.queue(make.make_mailing(workspace), mailbox, people[:2])
    Batch.objects.update(due_at=clock.now() - timedelta(seconds=90))
    make.queue(make.make_mailing(workspace), mailbox, people[2:], due_at=clock.now() + timedelta(hours=1))
    found = scrape(client)
    assert value(found, "drumbeat_queue_messages", reason="in_line") == 2
    assert value(found, "drumbeat_queue_messages", reason="scheduled") == 3
    assert value(found, "drumbeat_queue_messages", reason="sending") == 0
    assert 90 <= value(found, "drumbeat_oldest_due_seconds") < 120


def test_workers_and_beat_are_seen(client: Client) -> None:
    heartbeats.record_worker("mail@here")
    heartbeats.record_beat()
    found = scrape(client)
    assert value(found, "drumbeat_workers") == 1
    assert value(found, "drumbeat_beat_lag_seconds") < 30
    assert value(found, "drumbeat_hits_waiting") == 0


def test_a_server_that_is_down_is_told_and_the_rest_still_shown(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = Redis(host="127.0.0.1", port=1)
    monkeypatch.setattr(core_redis, "client", lambda: nobody)
    found = scrape(client)
    monkeypatch.undo()
    assert value(found, "drumbeat_source_down", source="redis") == 1
    assert value(found, "drumbeat_source_down", source="postgresql") == 0
    assert value(found, "drumbeat_oldest_due_seconds") == 0


def test_no_address_is_told(client: Client) -> None:
    make.make_mailbox(make.make_workspace())
    assert b"ada@" not in client.get("/metrics").content


def test_what_comes_by_a_proxy_from_outside_finds_nothing(client: Client) -> None:
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404


def test_with_a_token_set_it_is_asked_for(client: Client, settings) -> None:
    settings.METRICS_TOKEN = "let me in"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert scrape(client, {"Authorization": "Bearer let me in", "X-Forwarded-For": "203.0.113.9"})


def test_it_costs_five_queries(client: Client, django_assert_max_num_queries) -> None:
    workspace = make.make_workspace()
    for number in range(4):
        make.make_mailbox(workspace, from_email=f"m{number}@acme.example")
    with django_assert_max_num_queries(5):
        client.get("/metrics")


def test_mail_that_could_not_be_compiled_is_counted(client: Client, smtp_sink: SmtpSink) -> None:
    workspace = make.make_workspace()
    mailbox = make.make_mailbox(workspace, port=smtp_sink.port)
    people = make.make_contacts(workspace, 5)
    make.queue(make.make_mailing(workspace), mailbox, people[:2])
    services.dispatch_due()
    before = value(scrape(client), "drumbeat_messages_uncompiled_total")
    mailing = make.make_mailing(workspace, source="<p>{{ [company] }} by any other name</p>")
    make.queue(mailing, mailbox, people[2:])
    services.dispatch_due()
    assert value(scrape(client), "drumbeat_messages_uncompiled_total") == before + 3
