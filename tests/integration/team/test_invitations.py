from datetime import timedelta

import pytest
from django.core import mail

from core import clock
from team import services
from team.models import Invitation, Membership, Role, User
from tests.factories.team import PASSWORD, MembershipFactory, UserFactory
from tests.integration.team.conftest import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("eager_tasks")]

NEWCOMER = {"first_name": "Bob", "last_name": "Babbage", "password": PASSWORD}


@pytest.fixture
def invite(owner, django_capture_on_commit_callbacks):
    def run(email="bob@example.com", role=Role.EDITOR, by=None) -> Invitation:
        with django_capture_on_commit_callbacks(execute=True):
            return services.invite_member(workspace=owner.workspace, email=email, role=role, by=by or owner)

    return run


def path_of(invitation):
    return "/" + services.invitation_link(invitation).split("/", 3)[3]


def test_an_owner_invites_by_mail(as_owner, owner, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        response = as_owner.post("/settings/members/invite/", {"email": "bob@example.com", "role": "editor"})

    assert response.url == "/settings/members/"
    (message,) = mail.outbox
    assert message.to == ["bob@example.com"]
    assert "Tea House" in message.subject
    assert services.invitation_link(Invitation.objects.get()) in message.body
    assert services.invitation_link(Invitation.objects.get()) in message.alternatives[0].content
    assert "bob@example.com" in as_owner.get("/settings/members/").text


def test_the_invitation_really_goes_out_by_smtp(owner, smtp_sink, settings, django_capture_on_commit_callbacks):
    settings.MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": smtp_sink.host, "port": smtp_sink.port},
        }
    }
    with django_capture_on_commit_callbacks(execute=True):
        invitation = services.invite_member(
            workspace=owner.workspace, email="bob@example.com", role=Role.EDITOR, by=owner
        )

    (received,) = smtp_sink.sent_to("bob@example.com")
    assert services.invitation_link(invitation) in received.text("plain").replace("=\n", "")
    assert "Accept the invitation" in received.text("html")
    assert received.message["Auto-Submitted"] == "auto-generated"


def test_a_newcomer_makes_an_account_and_is_a_member(client, invite, owner):
    invitation = invite(role=Role.APPROVER)
    assert "Join Tea House" in client.get(path_of(invitation)).text

    response = client.post(path_of(invitation), NEWCOMER)

    assert response.status_code == 302
    membership = Membership.objects.get(user__email="bob@example.com")
    assert (membership.workspace, membership.role) == (owner.workspace, "approver")
    assert client.session["_auth_user_id"] == str(membership.user_id)


def test_opening_the_link_accepts_nothing(client, invite):
    invitation = invite()

    client.get(path_of(invitation))
    client.head(path_of(invitation))

    invitation.refresh_from_db()
    assert invitation.accepted_at is None


def test_an_invitation_works_once(client, invite):
    invitation = invite()
    client.post(path_of(invitation), NEWCOMER)
    client.post("/logout/")

    assert client.get(path_of(invitation)).status_code == 410
    assert client.post(path_of(invitation), {**NEWCOMER, "first_name": "Eve"}).status_code == 410
    assert Membership.objects.filter(user__first_name="Eve").count() == 0


def test_an_invitation_expires(client, invite):
    invitation = invite()

    with clock.simulated(clock.now() + timedelta(days=7, seconds=1)):
        assert client.get(path_of(invitation)).status_code == 410
        assert client.post(path_of(invitation), NEWCOMER).status_code == 410


def test_a_withdrawn_invitation_no_longer_works(client, invite, as_owner):
    invitation = invite()
    path = path_of(invitation)

    as_owner.post(f"/settings/invitations/{invitation.pk}/withdraw/")

    assert client.get(path).status_code == 410


def test_a_changed_link_does_not_work(client, invite):
    path = path_of(invite())

    assert client.get(path[:-3] + ("A" if path[-3] != "A" else "B") + path[-2:]).status_code == 410


def test_an_expired_invitation_can_be_sent_again(client, invite, as_owner, django_capture_on_commit_callbacks):
    invitation = invite()
    Invitation.objects.update(expires_at=clock.now() - timedelta(days=1))

    with django_capture_on_commit_callbacks(execute=True):
        as_owner.post(f"/settings/invitations/{invitation.pk}/resend/")

    assert len(mail.outbox) == 2
    assert client.get(path_of(invitation)).status_code == 200


def test_inviting_again_renews_the_invitation(invite):
    first, second = invite(role=Role.EDITOR), invite("BOB@example.com", role=Role.ANALYST)

    assert first.pk == second.pk
    assert Invitation.objects.get().role == "analyst"


def test_a_member_is_not_invited_again(as_owner, owner):
    response = as_owner.post("/settings/members/invite/", {"email": "OWNER@example.com", "role": "editor"})

    assert response.status_code == 422
    assert "is a member already" in response.text


def test_somebody_with_an_account_signs_in_to_accept(client, invite, owner):
    user = UserFactory(email="bob@example.com")
    invitation = invite()
    page = client.get(path_of(invitation))
    assert f"/login/?next={path_of(invitation)}" in page.text

    client.post("/login/", {"username": "bob@example.com", "password": PASSWORD})
    response = client.post(path_of(invitation))

    assert response.status_code == 302
    assert Membership.objects.filter(user=user, workspace=owner.workspace).exists()


def test_a_newcomer_s_form_cannot_take_over_an_account(client, invite):
    user = UserFactory(email="bob@example.com")
    invitation = invite()

    client.post(path_of(invitation), {**NEWCOMER, "password": "my own secret 77"})

    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert "_auth_user_id" not in client.session


def test_somebody_else_cannot_accept(invite):
    invitation = invite()
    other = signed_in(MembershipFactory())

    assert "is for" in other.get(path_of(invitation)).text
    assert other.post(path_of(invitation)).status_code == 403
    assert not User.objects.filter(email="bob@example.com").exists()


def test_after_accepting_the_new_workspace_is_the_current_one(invite):
    elsewhere = MembershipFactory(user__email="bob@example.com", workspace__name="AAA")
    invitation = invite()
    browser = signed_in(elsewhere)

    browser.post(path_of(invitation))

    assert browser.get("/settings/").context["workspace"].name == "Tea House"


def test_only_an_owner_invites_an_owner(owner, invite):
    admin = MembershipFactory(workspace=owner.workspace, role=Role.ADMIN)

    response = signed_in(admin).post("/settings/members/invite/", {"email": "eve@example.com", "role": "owner"})

    assert response.status_code == 422
    assert not Invitation.objects.exists()


def test_an_invitation_of_another_workspace_is_a_404(as_owner):
    foreign = MembershipFactory()
    invitation = services.invite_member(
        workspace=foreign.workspace, email="bob@example.com", role=Role.EDITOR, by=foreign
    )

    assert as_owner.post(f"/settings/invitations/{invitation.pk}/withdraw/").status_code == 404
    assert as_owner.post(f"/settings/invitations/{invitation.pk}/resend/").status_code == 404
    assert Invitation.objects.filter(pk=invitation.pk).exists()
