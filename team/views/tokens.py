"""API tokens."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.exceptions import NotFound
from frontend.htmx import invalid, render_page
from team import selectors, services
from team.access import Capability, MemberRequest, member_view
from team.forms import TokenForm


@member_view(Capability.MANAGE)
@require_GET
def tokens(request: MemberRequest) -> HttpResponseBase:
    """The workspace's API tokens."""
    return render_page(request, "team/tokens.html", {"tokens": selectors.tokens_in(request.workspace)})


@member_view(Capability.MANAGE)
@never_cache
@require_http_methods(["GET", "POST"])
def create_token(request: MemberRequest) -> HttpResponseBase:
    """Make a token and show it, this one time: there is no page that shows it again."""
    form = TokenForm(request.POST or None)
    if request.method != "POST":
        return render_page(request, "team/token_new.html", {"form": form})
    if not form.is_valid():
        return invalid(request, "team/token_new.html", {"form": form}, partial="")
    token, secret = services.create_token(
        workspace=request.workspace,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        created_by=request.user,
    )
    return render(request, "team/token_created.html", {"token": token, "secret": secret}, status=201)


@member_view(Capability.MANAGE)
@require_POST
def revoke_token(request: MemberRequest, token_id: int) -> HttpResponseBase:
    """Revoke a token."""
    token = selectors.tokens_in(request.workspace).filter(pk=token_id).first()
    if token is None:
        raise NotFound("There is no such token, or it was revoked already.")
    services.revoke_token(token)
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect("team:tokens")
