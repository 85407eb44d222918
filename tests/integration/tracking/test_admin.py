from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from team.models import User
from tests.factories.tracking import SENT_AT, make_hit, make_sent
from tracking import services
from tracking.models import BufferedHit, DrainedChunk, Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_client() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "a very long password"))
    return client


def test_events_are_listed_a_month_at_a_time_the_newest_first(admin_client: Client):
    sent = make_sent()
    services.record_hits(
        [make_hit(sent.messages[0], SENT_AT), make_hit(sent.messages[0], SENT_AT + timedelta(days=40))]
    )
    page = admin_client.get("/admin/tracking/event/").content.decode()
    assert "1 event" in page
    assert "April 11" in page
    assert "April 2026" in page
    page = admin_client.get("/admin/tracking/event/?month=2026-03").content.decode()
    assert "March 2" in page
    assert "April 11" not in page


def test_an_event_is_found_through_its_partition_alone(admin_client: Client):
    sent = make_sent()
    services.record_hits([make_hit(sent.messages[0], SENT_AT)])
    services.prepare_partitions()
    event = Event.objects.get()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        page = admin_client.get(f"/admin/tracking/event/{event.pk}/change/")
    assert "A mail program or browser that a person uses." in page.content.decode()
    statement = next(query["sql"] for query in queries if '"tracking_event"."id" =' in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert plan.count("tracking_event_2") >= 1
    assert {line.split("_2026_")[1][:2] for line in plan.splitlines() if "_2026_" in line} == {"03"}


@pytest.mark.parametrize("number", ["0", "12345", "99999999999999999999999", "x"])
def test_an_event_that_is_not_there_is_no_error(admin_client: Client, number: str):
    assert admin_client.get(f"/admin/tracking/event/{number}/change/").status_code == 302


def test_an_empty_store_is_no_error(admin_client: Client):
    assert admin_client.get("/admin/tracking/event/").status_code == 200


@pytest.mark.parametrize("model", ["event", "drainedchunk", "bufferedhit"])
def test_nothing_of_it_can_be_changed(admin_client: Client, model: str):
    sent = make_sent()
    services.record_hits([make_hit(sent.messages[0], SENT_AT)])
    BufferedHit.objects.create(data=b"x")
    DrainedChunk.objects.create(id="6f9619ff-8b86-d011-b42d-00cf4fc964ff", hits=1, events=1)
    assert admin_client.get(f"/admin/tracking/{model}/").status_code == 200
    assert admin_client.get(f"/admin/tracking/{model}/add/").status_code == 403
