"""Every write of the team: users, workspaces, members, invitations, tokens and grants."""

from team.actors import acting_as, current_actor
from team.services.accounts import send_password_reset, set_up, update_profile
from team.services.grants import drop_grants, end_shares, grant, revoke, share
from team.services.invitations import (
    accept_invitation,
    invitation_link,
    invite_member,
    register_invited,
    resend_invitation,
    withdraw_invitation,
)
from team.services.mails import deliver_mail
from team.services.members import change_role, remove_member
from team.services.tokens import create_token, note_token_use, revoke_token
from team.services.trail import audit_as_workspace, erase_trail
from team.services.workspaces import create_workspace, update_workspace

__all__ = [
    "accept_invitation",
    "acting_as",
    "audit_as_workspace",
    "change_role",
    "create_token",
    "create_workspace",
    "current_actor",
    "deliver_mail",
    "drop_grants",
    "end_shares",
    "erase_trail",
    "grant",
    "invitation_link",
    "invite_member",
    "note_token_use",
    "register_invited",
    "remove_member",
    "resend_invitation",
    "revoke",
    "revoke_token",
    "send_password_reset",
    "set_up",
    "share",
    "update_profile",
    "update_workspace",
    "withdraw_invitation",
]
