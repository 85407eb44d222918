"""The team and the fact log in Django's admin."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from core import clock, facts
from core.models import Fact, FactFailure
from team.models import ApiToken, AuditEntry, Invitation, Membership, User, Workspace
from tests.factories.team import PASSWORD, ApiTokenFactory, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(db):
    client = Client()
    client.force_login(
        UserFactory(is_staff=True, is_superuser=True), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


@pytest.fixture
def rows():
    """One row of each model that has a page."""
    membership = MembershipFactory()
    token = ApiTokenFactory(workspace=membership.workspace)
    invitation = Invitation.objects.create(
        workspace=membership.workspace, email="bob@example.com", expires_at=clock.now()
    )
    fact = Fact.objects.create(kind="x.Y", payload={}, occurred_at=clock.now())
    failure = FactFailure.objects.create(handler="h", fact=fact, error="boom", retry_at=clock.now())
    entry = AuditEntry.objects.filter(table="team_membership").first()
    return [membership.user, membership.workspace, token, invitation, fact, failure, entry]


def url(row_or_model, page, *args):
    meta = row_or_model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def test_every_page_opens(browser, rows):
    for row in rows:
        assert browser.get(url(row, "changelist")).status_code == 200, row
        assert browser.get(url(row, "changelist"), {"q": "1"}).status_code == 200, row
        assert browser.get(url(row, "change", row.pk)).status_code == 200, row


@pytest.mark.parametrize("model", [User, Workspace])
def test_what_may_be_made_here_can_be(browser, model):
    assert browser.get(url(model, "add")).status_code == 200


@pytest.mark.parametrize("model", [ApiToken, Invitation, AuditEntry, Fact, FactFailure])
def test_what_is_made_elsewhere_cannot_be_made_here(browser, model):
    assert browser.get(url(model, "add")).status_code == 403


@pytest.mark.parametrize("model", [AuditEntry, Fact, FactFailure])
def test_what_happened_cannot_be_changed_or_deleted(browser, rows, model):
    row = model.objects.first()

    assert browser.post(url(row, "change", row.pk), {"kind": "z"}).status_code == 403
    assert browser.post(url(row, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


def test_no_page_shows_a_secret(browser, rows):
    token = rows[2]

    for page in (url(token, "changelist"), url(token, "change", token.pk)):
        text = browser.get(page).text
        assert token.secret not in text
        assert token.digest.hex() not in text


def test_a_user_is_made_with_an_address_and_a_password(browser):
    response = browser.post(
        url(User, "add"),
        {
            "email": "new@example.com",
            "first_name": "New",
            "last_name": "User",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
            "memberships-TOTAL_FORMS": 0,
            "memberships-INITIAL_FORMS": 0,
        },
    )

    assert response.status_code == 302, response.context["errors"]
    assert User.objects.get(email="new@example.com").check_password(PASSWORD)


def test_members_are_edited_in_the_workspace(browser):
    membership = MembershipFactory(role="editor")
    workspace = membership.workspace

    response = browser.post(
        url(workspace, "change", workspace.pk),
        {
            "name": workspace.name,
            "slug": workspace.slug,
            "time_zone": "UTC",
            "locale": "en",
            "memberships-TOTAL_FORMS": 1,
            "memberships-INITIAL_FORMS": 1,
            "memberships-0-id": membership.pk,
            "memberships-0-workspace": workspace.pk,
            "memberships-0-user": membership.user_id,
            "memberships-0-role": "analyst",
        },
    )

    assert response.status_code == 302
    assert Membership.objects.get().role == "analyst"
    assert AuditEntry.objects.filter(table="team_membership", action="UPDATE").get().actor.startswith("user:")


def test_tokens_are_revoked_by_an_action(browser):
    token = ApiTokenFactory()

    browser.post(url(ApiToken, "changelist"), {"action": "revoke", "_selected_action": [token.pk]})

    token.refresh_from_db()
    assert token.revoked_at is not None


def test_invitations_are_withdrawn_by_an_action(browser, rows):
    browser.post(url(Invitation, "changelist"), {"action": "withdraw", "_selected_action": [rows[3].pk]})

    assert not Invitation.objects.exists()


def test_a_failed_handler_is_tried_again_by_an_action(browser, rows, monkeypatch):
    monkeypatch.setattr(facts, "_wake", lambda: None)
    failure = rows[5]
    FactFailure.objects.update(retry_at=clock.now().replace(year=2099))

    browser.post(url(FactFailure, "changelist"), {"action": "retry_now", "_selected_action": [failure.pk]})

    failure.refresh_from_db()
    assert failure.retry_at <= clock.now()


def test_every_model_of_the_team_and_core_has_a_page():
    registered = {model._meta.label for model in admin.site._registry}

    assert {"team.User", "team.Workspace", "team.Invitation", "team.ApiToken", "team.AuditEntry"} <= registered
    assert {"core.Fact", "core.FactCursor", "core.FactFailure", "integrations.IdempotencyKey"} <= registered
    assert not [label for label in registered if label.startswith(("guardian.", "auth."))]
