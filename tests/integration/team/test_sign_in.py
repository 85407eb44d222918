from datetime import timedelta

import pytest
from django.urls import reverse

from team import attempts
from team.models import Membership, User
from tests.factories.team import PASSWORD, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db

LOGIN = "/login/"


def sign_in(client, email, password=PASSWORD, **extra):
    return client.post(LOGIN, {"username": email, "password": password}, **extra)


def test_a_user_signs_in_by_address_and_password(client):
    user = UserFactory(email="ada@example.com")

    response = sign_in(client, "ada@example.com")

    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_address_is_read_without_regard_to_case(client):
    UserFactory(email="Ada@Example.com")

    assert sign_in(client, "aDA@example.COM").status_code == 302


def test_two_users_cannot_have_addresses_that_differ_only_in_case():
    UserFactory(email="ada@example.com")

    with pytest.raises(Exception, match="user_email_case_insensitive"):
        UserFactory(email="ADA@example.com")


def test_a_wrong_password_is_refused_with_the_form(client):
    UserFactory(email="ada@example.com")

    response = sign_in(client, "ada@example.com", "wrong")

    assert response.status_code == 422
    assert "don’t go together" in response.text
    assert "_auth_user_id" not in client.session


def test_an_unknown_address_gets_the_same_answer_as_a_wrong_password(client):
    UserFactory(email="ada@example.com")

    known, unknown = sign_in(client, "ada@example.com", "wrong"), sign_in(client, "bob@example.com", "wrong")

    assert known.status_code == unknown.status_code
    assert known.context["form"].errors == unknown.context["form"].errors


def test_a_deactivated_user_cannot_sign_in(client):
    UserFactory(email="ada@example.com", is_active=False)

    assert sign_in(client, "ada@example.com").status_code == 422


def test_after_five_wrong_passwords_even_the_right_one_must_wait(client):
    UserFactory(email="ada@example.com")
    for _ in range(attempts.PER_PERSON):
        assert sign_in(client, "ada@example.com", "wrong").status_code == 422

    response = sign_in(client, "ADA@example.com")

    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= attempts.WINDOW
    assert "Too many attempts" in response.text


def test_somebody_elsewhere_is_not_locked_out_by_a_guesser(client):
    UserFactory(email="ada@example.com")
    for _ in range(attempts.PER_PERSON):
        sign_in(client, "ada@example.com", "wrong", REMOTE_ADDR="192.0.2.1")

    assert sign_in(client, "ada@example.com", REMOTE_ADDR="192.0.2.2").status_code == 302


def test_one_place_that_tries_many_addresses_must_wait(client):
    UserFactory()
    for number in range(attempts.PER_PLACE):
        sign_in(client, f"person{number}@example.org", "wrong", REMOTE_ADDR="192.0.2.1")

    assert sign_in(client, "somebody@example.org", "wrong", REMOTE_ADDR="192.0.2.1").status_code == 429


def test_a_success_starts_the_count_anew(client):
    UserFactory(email="ada@example.com")
    for _ in range(attempts.PER_PERSON - 1):
        sign_in(client, "ada@example.com", "wrong")
    sign_in(client, "ada@example.com")
    client.post("/logout/")

    assert sign_in(client, "ada@example.com", "wrong").status_code == 422


def test_without_redis_people_can_still_sign_in(client, settings, monkeypatch):
    from core import redis

    UserFactory(email="ada@example.com")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis.client.cache_clear()
    try:
        assert sign_in(client, "ada@example.com").status_code == 302
    finally:
        settings.REDIS_URL = __import__("os").environ["REDIS_URL"]
        redis.client.cache_clear()


def test_behind_a_proxy_the_last_forwarded_address_counts(rf, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    request = rf.get("/", HTTP_X_FORWARDED_FOR="6.6.6.6, 192.0.2.7")

    assert attempts.place_of(request) == "192.0.2.7"


def test_without_a_proxy_a_forwarded_address_is_not_believed(rf):
    request = rf.get("/", HTTP_X_FORWARDED_FOR="6.6.6.6", REMOTE_ADDR="192.0.2.7")

    assert attempts.place_of(request) == "192.0.2.7"


def test_signing_in_leads_back_to_the_page_that_asked_for_it(client):
    membership = MembershipFactory(user__email="ada@example.com")
    response = client.get(reverse("team:members"))
    assert response.url == f"{LOGIN}?next=/settings/members/"

    response = client.post(response.url, {"username": "ada@example.com", "password": PASSWORD})

    assert response.status_code == 302
    assert membership.user.email == "ada@example.com"


def test_signing_in_never_leads_to_another_site(client):
    UserFactory(email="ada@example.com")

    response = client.post(
        LOGIN, {"username": "ada@example.com", "password": PASSWORD, "next": "https://evil.example/"}
    )

    assert response.url == "/"


def test_signing_out_takes_a_post(client):
    client.force_login(UserFactory(), backend="django.contrib.auth.backends.ModelBackend")

    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").status_code == 302
    assert "_auth_user_id" not in client.session


def test_the_admin_has_the_same_door(client):
    assert client.get("/admin/", follow=False).url == "/admin/login/?next=/admin/"
    assert client.get("/admin/login/?next=/admin/").url == "/login/?next=%2Fadmin%2F"


def test_a_member_who_is_no_administrator_is_told_so_at_the_admin(client):
    membership: Membership = MembershipFactory()
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")

    assert client.get("/admin/", follow=True).status_code == 403


def test_an_installation_without_users_leads_to_its_setup(client):
    assert client.get(LOGIN).url == "/setup/"


SETUP = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "password": PASSWORD,
    "workspace_name": "Tea House",
    "time_zone": "Europe/London",
}


def test_the_first_user_becomes_administrator_and_owner(client):
    response = client.post("/setup/", SETUP)

    assert response.status_code == 302
    user = User.objects.get()
    membership = user.memberships.get()
    assert (user.is_superuser, user.is_staff, membership.role) == (True, True, "owner")
    assert (membership.workspace.slug, membership.workspace.time_zone) == ("tea-house", "Europe/London")
    assert client.session["_auth_user_id"] == str(user.pk)


def test_a_weak_password_is_refused_at_the_setup(client):
    response = client.post("/setup/", {**SETUP, "password": "password"})

    assert response.status_code == 422
    assert "password" in response.context["form"].errors
    assert not User.objects.exists()


def test_the_setup_is_gone_once_there_is_a_user(client):
    UserFactory()

    assert client.get("/setup/").url == LOGIN
    assert client.post("/setup/", SETUP).url == LOGIN
    assert User.objects.count() == 1


def test_the_window_of_a_failure_is_fixed_by_the_first_one():
    limits = attempts.sign_in_limits("ada@example.com", "192.0.2.1")
    attempts.count(limits)
    attempts.count(limits)

    from core.redis import client

    assert 0 < client().ttl(limits[0].key) <= timedelta(minutes=15).total_seconds()


def test_a_fragment_leads_back_to_the_page_that_asked_for_it(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/contacts/?q=ada"}

    answer = client.get("/contacts/", {"q": "adam"}, headers=headers)

    assert answer.headers["HX-Redirect"] == "/login/?next=%2Fcontacts%2F%3Fq%3Dada"


def test_what_a_page_sends_after_its_session_ended_is_refused_in_place(client):
    answer = client.post("/contacts/new/", {"email": "ada@example.com"}, headers={"HX-Request": "true"})

    assert answer.status_code == 401
    assert "HX-Redirect" not in answer.headers
