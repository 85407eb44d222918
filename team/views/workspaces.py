"""Workspaces: making, switching, settings."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from core.exceptions import DomainError, NotFound
from core.forms import add_refusal
from frontend.htmx import invalid, render_page
from team import services
from team.access import Capability, MemberRequest, can, member_view, require, signed_in_view
from team.forms import NewWorkspaceForm, WorkspaceForm
from team.middleware import SESSION_KEY


@signed_in_view
@require_http_methods(["GET", "POST"])
def create_workspace(request: MemberRequest) -> HttpResponseBase:
    """Make a workspace and go there."""
    form = NewWorkspaceForm(request.POST or None, initial={"time_zone": request.user.time_zone})
    if request.method == "POST":
        if form.is_valid():
            try:
                workspace = services.create_workspace(user=request.user, **form.cleaned_data)
            except DomainError as error:
                add_refusal(form, error)
            else:
                request.session[SESSION_KEY] = workspace.pk
                return redirect("/")
        return invalid(request, "team/workspace_new.html", {"form": form})
    return render_page(request, "team/workspace_new.html", {"form": form})


@signed_in_view
@require_POST
def switch_workspace(request: MemberRequest) -> HttpResponseBase:
    """Make another of the user's workspaces the current one."""
    slug = request.POST.get("workspace", "")
    chosen = next((workspace for workspace in request.workspaces if workspace.slug == slug), None)
    if chosen is None:
        raise NotFound("There is no such workspace, or you are not a member of it.")
    request.session[SESSION_KEY] = chosen.pk
    return redirect("/")


@member_view(Capability.VIEW)
@require_http_methods(["GET", "POST"])
def settings(request: MemberRequest) -> HttpResponseBase:
    """The workspace's name, sender and defaults: everybody may look, owners and admins may change."""
    form = WorkspaceForm(request.POST or None, instance=request.workspace)
    context = {"form": form, "can_manage": can(request.membership, Capability.MANAGE)}
    if request.method == "POST":
        require(request.membership, Capability.MANAGE)
        if not form.is_valid():
            request.workspace.refresh_from_db()  # the form has already written what was typed on it
            return invalid(request, "team/settings.html", context)
        services.update_workspace(request.workspace, **form.cleaned_data)
        messages.success(request, "The settings were saved.")
        return redirect("team:settings")
    return render_page(request, "team/settings.html", context)
