"""Two people do the same at the same moment: nobody sees an error page, and no name is taken twice.

Each pair waits for the other just before the row is written, so that the race is run every time.
"""

import contextlib
from collections.abc import Callable
from threading import Barrier, BrokenBarrierError, Thread
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from rest_framework.test import APIClient

from contacts.models import Contact, ContactField, List, Segment
from delivery.models import Mailbox
from team import services
from team.models import Invitation, Membership, User, Workspace
from templates_lib.models import Category, Template
from tests.factories.team import ApiTokenFactory, MembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery 42"


@pytest.fixture
def owner() -> Membership:
    return MembershipFactory(workspace__name="Tea House", user__email="owner@example.com")


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Return a function that calls two others at once, both of which wait before they write a row of `model`.

    Where the second is kept from coming so far (by a lock), the first goes on after a while.
    """

    def run(model: type[Model], first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(2)
        save = model.save

        def save_together(self: Model, *args: Any, **kwargs: Any) -> None:
            if self._state.adding:
                with contextlib.suppress(BrokenBarrierError):
                    barrier.wait(timeout=1)
            save(self, *args, **kwargs)

        monkeypatch.setattr(model, "save", save_together)
        answers: list[Any] = [None, None]

        def call(place: int, work: Callable[[], Any]) -> None:
            try:
                answers[place] = work()
            except Exception as error:  # noqa: BLE001 - the test looks at it
                answers[place] = error
            finally:
                connection.close()

        threads = [Thread(target=call, args=(place, work)) for place, work in enumerate((first, second))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    return run


def browser(membership: Membership) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def program(membership: Membership) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=membership.workspace).secret}")
    return client


def test_one_address_invited_twice_has_one_invitation(owner, together, mailoutbox):
    other = MembershipFactory(workspace=owner.workspace, role="admin")
    form = {"email": "bob@example.com", "role": "editor"}
    clients = browser(owner), browser(other)
    answers = together(
        Invitation,
        lambda: clients[0].post("/settings/members/invite/", form),
        lambda: clients[1].post("/settings/members/invite/", {**form, "email": "BOB@example.com"}),
    )
    assert [answer.status_code for answer in answers] == [302, 302]
    assert Invitation.objects.count() == 1


def test_one_newcomer_s_form_sent_twice_makes_one_account(owner, together, mailoutbox):
    invitation = services.invite_member(workspace=owner.workspace, email="bob@example.com", role="editor", by=owner)
    path = services.invitation_link(invitation).partition("testserver")[2] or services.invitation_link(invitation)
    path = "/" + path.split("://")[-1].partition("/")[2]
    form = {"first_name": "Bob", "last_name": "Bee", "password": PASSWORD, "time_zone": "UTC"}
    clients = [Client(raise_request_exception=False) for _ in range(2)]
    answers = together(User, lambda: clients[0].post(path, form), lambda: clients[1].post(path, form))
    assert sorted(answer.status_code for answer in answers) in ([302, 409], [302, 422])
    assert User.objects.filter(email="bob@example.com").count() == 1
    assert Membership.objects.filter(workspace=owner.workspace).count() == 2


def test_two_workspaces_of_one_name_get_two_addresses(owner, together):
    answers = together(
        Workspace,
        lambda: services.create_workspace(user=owner.user, name="Coffee House"),
        lambda: services.create_workspace(user=owner.user, name="Coffee House"),
    )
    assert sorted(workspace.slug for workspace in answers) == ["coffee-house", "coffee-house-2"]


MAILBOX = {
    "from_email": "a@example.com",
    "smtp_host": "127.0.0.1",
    "smtp_port": 2525,
    "smtp_security": "plain",
}
TEMPLATE = {"name": "Welcome", "format": "text", "subject": "Hi", "source": "Hi {{ unsubscribeUrl }}"}
RACES = {
    "contacts": (Contact, {"email": "a@example.com"}),
    "lists": (List, {"name": "Readers"}),
    "segments": (Segment, {"name": "All", "definition": {"match": "all", "conditions": []}}),
    "contact-fields": (ContactField, {"label": "Plan", "key": "plan", "type": "text"}),
    "mailboxes": (Mailbox, MAILBOX),
    "templates": (Template, TEMPLATE),
    "template-categories": (Category, {"name": "News"}),
}


@pytest.mark.parametrize("path", RACES)
def test_of_two_equal_ones_made_by_the_api_one_is_refused(owner, together, path):
    model, data = RACES[path]
    clients = program(owner), program(owner)
    url = f"/api/v1/{path}/"
    answers = together(
        model,
        lambda: clients[0].post(url, data, format="json"),
        lambda: clients[1].post(url, data, format="json"),
    )
    assert sorted(answer.status_code for answer in answers) == [201, 422], [answer.content for answer in answers]
    refused = max(answers, key=lambda answer: answer.status_code)
    assert refused.json()["errors"]
    assert model._default_manager.count() == 1


def test_of_two_equal_suppressions_both_are_fine(owner, together):
    from contacts.models import Suppression

    clients = program(owner), program(owner)
    data = {"email": "a@example.com", "reason": "manual"}
    answers = together(
        Suppression,
        lambda: clients[0].post("/api/v1/suppressions/", data, format="json"),
        lambda: clients[1].post("/api/v1/suppressions/", data, format="json"),
    )
    assert [answer.status_code for answer in answers] == [201, 201]
    assert Suppression.objects.count() == 1
