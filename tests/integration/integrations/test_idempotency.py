"""The same write sent twice happens once."""

import threading
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from core import clock
from integrations import services
from integrations.fingerprints import fingerprint
from integrations.models import IdempotencyKey
from integrations.tasks import forget_old_keys
from team.models import Role
from tests.factories.team import ApiTokenFactory, MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(db):
    return ApiTokenFactory()


@pytest.fixture
def member(token):
    return MembershipFactory(workspace=token.workspace, role=Role.EDITOR)


def patch(token, member, *, role="analyst", key="k-1", **headers):
    return Client().patch(
        f"/api/v1/members/{member.pk}/",
        {"role": role},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token.secret}", "Idempotency-Key": key, **headers},
    )


def delete(token, member, *, key="d-1"):
    return Client().delete(
        f"/api/v1/members/{member.pk}/",
        headers={"Authorization": f"Bearer {token.secret}", "Idempotency-Key": key},
    )


def test_the_second_request_gets_the_first_one_s_answer(token, member):
    first = patch(token, member)
    member.role = Role.APPROVER
    member.save()

    second = patch(token, member)

    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert second.headers["Idempotent-Replayed"] == "true"
    member.refresh_from_db()
    assert member.role == "approver"


def test_an_answer_without_a_body_is_repeated_too(token, member):
    assert [delete(token, member).status_code for _ in range(2)] == [204, 204]
    assert delete(token, member, key="d-2").status_code == 404


def test_without_a_key_every_request_counts(token, member):
    headers = {"Authorization": f"Bearer {token.secret}"}
    path = f"/api/v1/members/{member.pk}/"

    assert [Client().delete(path, headers=headers).status_code for _ in range(2)] == [204, 404]
    assert not IdempotencyKey.objects.exists()


def test_the_same_key_with_another_request_is_a_422(token, member):
    patch(token, member, role="analyst")

    response = patch(token, member, role="approver")

    assert response.status_code == 422
    assert response.json()["code"] == "idempotency_key_reused"
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_key_belongs_to_its_token(token, member):
    patch(token, member)
    other = ApiTokenFactory(workspace=token.workspace, scopes=["contacts:read"])

    assert patch(other, member).status_code == 422


def test_a_key_belongs_to_its_workspace(token, member):
    patch(token, member)
    other = MembershipFactory(role=Role.EDITOR)

    assert patch(ApiTokenFactory(workspace=other.workspace), other).status_code == 200


def test_a_refused_request_may_be_sent_again_with_the_same_key(token, member):
    assert patch(token, member, role="king").status_code == 422

    assert patch(token, member, role="analyst").status_code == 200


def test_reading_takes_no_key(token, member):
    headers = {"Authorization": f"Bearer {token.secret}", "Idempotency-Key": "r-1"}

    assert Client().get("/api/v1/members/", headers=headers).status_code == 200
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "ünïcode"])
def test_a_key_that_is_none_is_a_400(token, member, key):
    assert patch(token, member, key=key).status_code == 400


def test_a_stranger_s_key_is_not_kept(member):
    response = Client().patch(
        f"/api/v1/members/{member.pk}/",
        {"role": "analyst"},
        content_type="application/json",
        headers={"Authorization": "Bearer db_nonsense", "Idempotency-Key": "k-1"},
    )

    assert response.status_code == 401
    assert not IdempotencyKey.objects.exists()


def test_while_the_first_is_under_way_the_second_is_told_to_wait(token, member):
    request = RequestFactory().patch(
        f"/api/v1/members/{member.pk}/", '{"role": "analyst"}', content_type="application/json"
    )
    request_hash = fingerprint(request, actor=f"token:{token.pk}")
    assert services.claim_key(workspace=token.workspace, key="k-1", request_hash=request_hash) is None

    response = patch(token, member)

    assert response.status_code == 409
    assert response.json()["code"] == "request_under_way"
    assert int(response.headers["Retry-After"]) > 0


def test_a_request_whose_process_died_frees_its_key(token, member):
    services.claim_key(workspace=token.workspace, key="k-1", request_hash=b"x" * 32)

    with clock.simulated(clock.now() + services.LONGEST_REQUEST + timedelta(seconds=1)):
        assert patch(token, member).status_code == 200


def test_after_a_day_a_key_is_forgotten(token, member):
    patch(token, member)

    with clock.simulated(clock.now() + timedelta(hours=24, seconds=1)):
        forget_old_keys()
        assert not IdempotencyKey.objects.exists()


def test_a_key_that_is_over_is_free_before_it_is_swept(token, member):
    patch(token, member)

    with clock.simulated(clock.now() + timedelta(hours=24, seconds=1)):
        assert patch(token, member, role="approver").status_code == 200


def test_a_request_that_broke_frees_its_key(token, member, monkeypatch):
    from team import services as team

    real = team.change_role

    def broken(*args, **kwargs):
        raise ZeroDivisionError

    client = Client(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {token.secret}", "Idempotency-Key": "k-1"}
    path = f"/api/v1/members/{member.pk}/"
    monkeypatch.setattr(team, "change_role", broken)
    assert client.patch(path, {"role": "analyst"}, content_type="application/json", headers=headers).status_code == 500

    monkeypatch.setattr(team, "change_role", real)
    assert client.patch(path, {"role": "analyst"}, content_type="application/json", headers=headers).status_code == 200


def test_the_same_upload_is_the_same_request_whatever_its_boundary():
    def upload(content, **fields):
        request = RequestFactory().post("/x/", {"file": SimpleUploadedFile("a.csv", content), **fields})
        return fingerprint(request, actor="token:1")

    assert upload(b"email\na@example.com", list="1") == upload(b"email\na@example.com", list="1")
    assert upload(b"email\na@example.com", list="1") != upload(b"email\nb@example.com", list="1")
    assert upload(b"email\na@example.com", list="1") != upload(b"email\na@example.com", list="2")


def test_an_upload_can_still_be_read_after_it_was_compared():
    request = RequestFactory().post("/x/", {"file": SimpleUploadedFile("a.csv", b"email")})

    fingerprint(request, actor="token:1")

    assert request.FILES["file"].read() == b"email"


@pytest.mark.django_db(transaction=True)
def test_two_equal_requests_at_once_happen_once(monkeypatch):
    from integrations.middleware import IdempotencyMiddleware

    token = ApiTokenFactory()
    calls, answers = [], []
    inside, barrier = threading.Event(), threading.Barrier(2)

    def slow_view(request):
        calls.append(request)
        inside.wait(5)
        return HttpResponse("{}", status=201, content_type="application/json")

    def send():
        request = RequestFactory().post(
            "/api/v1/things/",
            "{}",
            content_type="application/json",
            headers={"Authorization": f"Bearer {token.secret}", "Idempotency-Key": "k-1"},
        )
        barrier.wait()
        answers.append(IdempotencyMiddleware(slow_view)(request).status_code)
        inside.set()
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(calls) == 1
    assert sorted(answers) == [201, 409]


def test_an_upload_sent_twice_is_one_import(token, settings, tmp_path, eager_tasks):
    from contacts.models import Import

    settings.MEDIA_ROOT = tmp_path

    def upload():
        return Client().post(
            "/api/v1/contacts/import/",
            {
                "file": SimpleUploadedFile("people.csv", b"email,first name\nada@example.com,Ada\n"),
                "mapping": '{"email": "email", "first name": "first_name"}',
            },
            headers={"Authorization": f"Bearer {token.secret}", "Idempotency-Key": "upload-1"},
        )

    first, second = upload(), upload()

    assert first.status_code == second.status_code == 202, first.text
    assert first.json() == second.json()
    assert Import.objects.count() == 1
