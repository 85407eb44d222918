import re

import pytest
from django.core import mail

from tests.factories.team import PASSWORD, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("eager_tasks")]

NEW = "a much better secret"


def ask(client, email, capture):
    with capture(execute=True):
        return client.post("/password/", {"email": email})


def link_in(message):
    return re.search(r"http://\S+", message.body).group()


@pytest.fixture
def capture(django_capture_on_commit_callbacks):
    return django_capture_on_commit_callbacks


def test_a_forgotten_password_is_replaced_by_the_link_in_the_mail(client, capture):
    user = UserFactory(email="ada@example.com")
    assert ask(client, "ADA@example.com", capture).status_code == 200
    (message,) = mail.outbox
    assert message.to == ["ada@example.com"]
    assert link_in(message) in message.alternatives[0].content

    page = client.get(link_in(message), follow=True)
    form_url = page.redirect_chain[-1][0]
    response = client.post(form_url, {"new_password1": NEW, "new_password2": NEW})

    assert response.url == "/login/"
    user.refresh_from_db()
    assert user.check_password(NEW)


def test_a_reset_link_works_once(client, capture):
    UserFactory(email="ada@example.com")
    ask(client, "ada@example.com", capture)
    link = link_in(mail.outbox[0])
    form_url = client.get(link, follow=True).redirect_chain[-1][0]
    client.post(form_url, {"new_password1": NEW, "new_password2": NEW})

    assert "no longer works" in client.get(link, follow=True).text


def test_a_reset_link_that_was_changed_does_not_work(client, capture):
    UserFactory(email="ada@example.com")
    ask(client, "ada@example.com", capture)

    assert "no longer works" in client.get(link_in(mail.outbox[0])[:-2] + "x/", follow=True).text


def test_the_link_is_never_made_from_the_request_s_host(client, capture, settings):
    settings.ALLOWED_HOSTS = ["*"]
    UserFactory(email="ada@example.com")

    with capture(execute=True):
        client.post("/password/", {"email": "ada@example.com"}, HTTP_HOST="evil.example")

    assert "evil.example" not in mail.outbox[0].body


def test_an_unknown_address_gets_the_same_answer_and_no_mail(client, capture):
    UserFactory(email="ada@example.com")

    known, unknown = ask(client, "ada@example.com", capture), ask(client, "bob@example.com", capture)

    assert known.status_code == unknown.status_code == 200
    said = [answer.text.partition("<main")[2].partition("</main>")[0] for answer in (known, unknown)]
    assert said[0].replace("ada@", "bob@") == said[1] != ""
    assert len(mail.outbox) == 1


def test_nobody_s_mailbox_is_flooded_with_reset_mails(client, capture):
    UserFactory(email="ada@example.com")
    answers = [ask(client, "ada@example.com", capture) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].headers["Retry-After"]
    assert len(mail.outbox) == 5


def test_a_weak_new_password_is_refused(client, capture):
    UserFactory(email="ada@example.com")
    ask(client, "ada@example.com", capture)
    form_url = client.get(link_in(mail.outbox[0]), follow=True).redirect_chain[-1][0]

    response = client.post(form_url, {"new_password1": "12345678", "new_password2": "12345678"})

    assert response.status_code == 422


def test_a_member_changes_their_password_and_stays_signed_in(as_owner, owner):
    response = as_owner.post(
        "/profile/password/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    )

    assert response.url == "/profile/"
    assert as_owner.get("/profile/").status_code == 200
    owner.user.refresh_from_db()
    assert owner.user.check_password(NEW)


def test_changing_the_password_takes_the_old_one(as_owner, owner):
    response = as_owner.post("/profile/password/", {"old_password": "x", "new_password1": NEW, "new_password2": NEW})

    assert response.status_code == 422
    owner.user.refresh_from_db()
    assert owner.user.check_password(PASSWORD)


def test_a_member_changes_their_name_and_time_zone(as_owner, owner):
    response = as_owner.post(
        "/profile/", {"first_name": "Grace", "last_name": "Hopper", "time_zone": "America/New_York"}
    )

    assert response.status_code == 302
    owner.user.refresh_from_db()
    assert (str(owner.user), owner.user.time_zone) == ("Grace Hopper", "America/New_York")


def test_an_unknown_time_zone_is_refused(as_owner):
    response = as_owner.post("/profile/", {"first_name": "G", "last_name": "H", "time_zone": "Mars/Base"})

    assert response.status_code == 422


def test_the_profile_needs_a_signed_in_user(client):
    assert client.get("/profile/").url == "/login/?next=/profile/"
