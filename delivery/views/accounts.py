"""Pages of the other ways to send and to log in: a provider's API, OAuth."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST

from core.exceptions import DomainError
from core.forms import add_refusal
from delivery import selectors, services
from delivery.forms import ApiAccountForm, ApiMailboxForm, OAuthLoginForm
from delivery.views.pages import show
from frontend.htmx import redirect
from team.access import Capability, MemberRequest, member_view


@member_view(Capability.MANAGE)
@require_http_methods(["GET", "POST"])
def new_api_mailbox(request: MemberRequest) -> HttpResponseBase:
    """Add a mailbox that sends by a provider's API."""
    form = ApiMailboxForm(request.POST or None)
    if form.is_valid():
        try:
            made = services.create_api_mailbox(workspace=request.workspace, **form.values())
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, f"{made.from_email} was added.")
            return redirect(request, "delivery:mailboxes")
    return show(
        request, "delivery/api_account.html", {"form": form}, partial="form", status=422 if form.is_bound else 200
    )


@member_view(Capability.MANAGE)
@require_http_methods(["GET", "POST"])
def api_account(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """Let a mailbox send by a provider's API, or change its account there."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    account = selectors.api_account_of(mailbox)
    form = ApiAccountForm(request.POST or None, account=account)
    if form.is_valid():
        try:
            services.set_api_account(mailbox, **form.values())
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, "Saved. The next mail leaves by the API.")
            return redirect(request, "delivery:api_account", mailbox.pk)
    context = {"form": form, "mailbox": mailbox, "account": account}
    return show(request, "delivery/api_account.html", context, partial="form", status=422 if form.is_bound else 200)


@member_view(Capability.MANAGE)
@require_POST
def remove_api_account(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """Let a mailbox send by its SMTP server again."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    services.remove_api_account(mailbox)
    messages.success(request, f"{mailbox.from_email} sends by its server again.")
    return redirect(request, "delivery:edit_mailbox", mailbox.pk)


@member_view(Capability.MANAGE)
@require_http_methods(["GET", "POST"])
def oauth_login(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """Let a mailbox log in to its server by an access token, or change how it gets one."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    login = selectors.login_of(mailbox)
    form = OAuthLoginForm(request.POST or None, login=login)
    if form.is_valid():
        try:
            services.set_oauth_login(mailbox, **form.values())
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, "Saved. The next mail logs in by OAuth; test the connection to be sure.")
            return redirect(request, "delivery:edit_mailbox", mailbox.pk)
    context = {"form": form, "mailbox": mailbox, "login": login}
    return show(request, "delivery/oauth_login.html", context, partial="form", status=422 if form.is_bound else 200)


@member_view(Capability.MANAGE)
@require_POST
def remove_oauth_login(request: MemberRequest, mailbox_id: int) -> HttpResponseBase:
    """Let a mailbox log in by its password again."""
    mailbox = selectors.mailbox_in(request.workspace, mailbox_id)
    services.remove_oauth_login(mailbox)
    messages.success(request, f"{mailbox.from_email} logs in by its password again.")
    return redirect(request, "delivery:edit_mailbox", mailbox.pk)
