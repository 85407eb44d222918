from django.contrib.auth.views import LogoutView
from django.urls import path

from team.views import accounts, audit, members, tokens, workspaces

app_name = "team"

urlpatterns = [
    path("login/", accounts.SignInView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("setup/", accounts.set_up, name="set_up"),
    path("password/", accounts.forgotten_password, name="forgotten_password"),
    path("password/<uidb64>/<token>/", accounts.ResetPasswordView.as_view(), name="reset_password"),
    path("profile/", accounts.profile, name="profile"),
    path("profile/password/", accounts.ChangePasswordView.as_view(), name="change_password"),
    path("invitations/<str:token>/", members.accept_invitation, name="accept_invitation"),
    path("workspaces/new/", workspaces.create_workspace, name="create_workspace"),
    path("workspaces/switch/", workspaces.switch_workspace, name="switch"),
    path("settings/", workspaces.settings, name="settings"),
    path("settings/members/", members.members, name="members"),
    path("settings/members/invite/", members.invite, name="invite"),
    path("settings/members/leave/", members.leave, name="leave"),
    path("settings/members/<int:membership_id>/role/", members.change_role, name="change_role"),
    path("settings/members/<int:membership_id>/remove/", members.remove_member, name="remove_member"),
    path("settings/invitations/<int:invitation_id>/resend/", members.resend_invitation, name="resend_invitation"),
    path("settings/invitations/<int:invitation_id>/withdraw/", members.withdraw_invitation, name="withdraw_invitation"),
    path("settings/tokens/", tokens.tokens, name="tokens"),
    path("settings/tokens/new/", tokens.create_token, name="create_token"),
    path("settings/tokens/<int:token_id>/revoke/", tokens.revoke_token, name="revoke_token"),
    path("settings/audit/", audit.audit, name="audit"),
]
