"""Probes: is the process alive, is Drumbeat ready?"""

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from redis import Redis

from config import heartbeats
from core import redis as core_redis


def test_healthz_answers_without_a_database(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"


@pytest.mark.django_db
def test_readyz_is_200_when_database_redis_and_a_worker_are_there(client: Client) -> None:
    heartbeats.record_worker("mail@here")
    response = client.get("/readyz")
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_readyz_is_503_and_says_why_when_no_worker_lives(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.content == b"No worker has shown a sign of life for 15 seconds.\n"


@pytest.mark.django_db
def test_readyz_is_503_and_says_why_when_redis_is_down(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = Redis(host="127.0.0.1", port=1)
    monkeypatch.setattr(core_redis, "client", lambda: nobody)
    response = client.get("/readyz")
    monkeypatch.undo()
    assert response.status_code == 503
    assert response.content.startswith(b"Redis does not answer: ")


@pytest.mark.django_db(transaction=True)
def test_readyz_is_503_and_says_why_when_the_database_is_down(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeats.record_worker("mail@here")
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "NAME", "nowhere")
    response = client.get("/readyz")
    monkeypatch.undo()
    connection.close()
    assert response.status_code == 503
    assert response.content.startswith(b"The database does not answer: ")


@pytest.mark.django_db
def test_a_probe_by_ip_address_is_not_refused_for_its_host(client: Client) -> None:
    assert client.get("/healthz", headers={"host": "10.1.2.3"}).status_code == 200


@pytest.mark.django_db
def test_a_probe_costs_one_query(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    heartbeats.record_worker("mail@here")
    with django_assert_num_queries(1):
        client.get("/readyz")
