"""Members and invitations."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core import clock
from core.exceptions import DomainError, NotFound
from core.forms import add_refusal
from frontend.htmx import invalid, render_page
from team import selectors, services
from team.access import Capability, MemberRequest, can, member_view
from team.forms import InviteForm, PersonForm, RoleForm, roles_for
from team.middleware import SESSION_KEY
from team.models import Invitation, Membership, User, Workspace
from team.views.accounts import PASSWORD_BACKEND


@member_view(Capability.VIEW)
@require_GET
def members(request: MemberRequest) -> HttpResponseBase:
    """Who is in the workspace and who is invited."""
    return render_page(
        request, "team/members.html", _members_context(request, InviteForm(membership=request.membership))
    )


@member_view(Capability.MANAGE)
@require_POST
def invite(request: MemberRequest) -> HttpResponseBase:
    """Invite somebody by mail."""
    form = InviteForm(request.POST, membership=request.membership)
    if form.is_valid():
        try:
            invitation = services.invite_member(workspace=request.workspace, by=request.membership, **form.cleaned_data)
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, f"An invitation is on its way to {invitation.email}.")
            return redirect("team:members")
    return invalid(request, "team/members.html", _members_context(request, form), partial="invite")


@member_view(Capability.MANAGE)
@require_POST
def resend_invitation(request: MemberRequest, invitation_id: int) -> HttpResponseBase:
    """Send an invitation again."""
    invitation = _invitation(request.workspace, invitation_id)
    services.resend_invitation(invitation, by=request.membership)
    messages.success(request, f"The invitation was sent to {invitation.email} again.")
    return redirect("team:members")


@member_view(Capability.MANAGE)
@require_POST
def withdraw_invitation(request: MemberRequest, invitation_id: int) -> HttpResponseBase:
    """Take an invitation back."""
    invitation = _invitation(request.workspace, invitation_id)
    services.withdraw_invitation(invitation)
    messages.success(request, f"The invitation to {invitation.email} was withdrawn.")
    return redirect("team:members")


@member_view(Capability.MANAGE)
@require_POST
def change_role(request: MemberRequest, membership_id: int) -> HttpResponseBase:
    """Give a member another role."""
    membership = selectors.member_in(request.workspace, membership_id)
    form = RoleForm(request.POST, membership=request.membership)
    role = form.cleaned_data["role"] if form.is_valid() else request.POST.get("role", "")
    services.change_role(membership, role=role, by=request.membership)
    messages.success(request, f"{membership.user} is now {membership.get_role_display().lower()}.")
    return redirect("team:members")


@member_view(Capability.MANAGE)
@require_POST
def remove_member(request: MemberRequest, membership_id: int) -> HttpResponseBase:
    """Take a member out of the workspace."""
    membership = selectors.member_in(request.workspace, membership_id)
    services.remove_member(membership, by=request.membership)
    messages.success(request, f"{membership.user} is no longer a member.")
    return redirect("team:members")


@member_view(Capability.VIEW)
@require_POST
def leave(request: MemberRequest) -> HttpResponseBase:
    """Leave the current workspace."""
    services.remove_member(request.membership, by=request.membership)
    request.session.pop(SESSION_KEY, None)
    messages.success(request, f"You have left {request.workspace.name}.")
    return redirect("/")


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def accept_invitation(request: HttpRequest, token: str) -> HttpResponseBase:
    """Accept an invitation: as who is signed in, by signing in, or with a new account.  Only a POST accepts."""
    invitation = selectors.usable_invitation(token)
    if invitation is None:
        return render(request, "team/invitation_gone.html", status=410)
    if request.user.is_authenticated:
        return _accept_as_user(request, invitation, request.user)
    if User.objects.with_email(invitation.email).exists():
        return render(request, "team/invitation.html", {"invitation": invitation, "has_account": True})
    return _accept_as_newcomer(request, invitation)


def _accept_as_user(request: HttpRequest, invitation: Invitation, user: User) -> HttpResponseBase:
    if request.method == "POST":
        return _enter(request, services.accept_invitation(invitation, user=user))
    is_theirs = user.email.casefold() == invitation.email.casefold()
    return render(request, "team/invitation.html", {"invitation": invitation, "is_theirs": is_theirs})


def _accept_as_newcomer(request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            membership = services.register_invited(
                invitation, time_zone=invitation.workspace.time_zone, **form.cleaned_data
            )
        except DomainError as error:
            add_refusal(form, error)
        else:
            login(request, membership.user, backend=PASSWORD_BACKEND)
            return _enter(request, membership)
    status = 422 if form.errors else 200
    return render(request, "team/invitation.html", {"invitation": invitation, "form": form}, status=status)


def _enter(request: HttpRequest, membership: Membership) -> HttpResponseBase:
    request.session[SESSION_KEY] = membership.workspace_id
    messages.success(request, f"Welcome to {membership.workspace.name}.")
    return redirect("/")


def _members_context(request: MemberRequest, form: InviteForm) -> dict[str, Any]:
    can_manage = can(request.membership, Capability.MANAGE)
    invitations = selectors.open_invitations_in(request.workspace) if can_manage else Invitation.objects.none()
    return {
        "members": selectors.members_in(request.workspace),
        "invitations": [
            {
                "invitation": invitation,
                "link": services.invitation_link(invitation),
                "is_over": invitation.expires_at <= clock.now(),
            }
            for invitation in invitations
        ],
        "form": form,
        "roles": roles_for(request.membership),
        "can_manage": can_manage,
        "is_owner": request.membership.role == "owner",
    }


def _invitation(workspace: Workspace, invitation_id: int) -> Invitation:
    invitation = selectors.open_invitations_in(workspace).filter(pk=invitation_id).first()
    if invitation is None:
        raise NotFound("There is no such invitation.")
    return invitation
