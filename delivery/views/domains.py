"""Pages of sending domains and their DKIM keys."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.exceptions import DomainError
from core.forms import add_refusal
from delivery import selectors, services
from delivery.dkim import zone_text
from delivery.forms import DomainForm
from delivery.models import SendingDomain
from delivery.views.pages import show
from frontend.htmx import is_fragment, redirect
from team.access import Capability, MemberRequest, member_view, require


@member_view(Capability.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def domains(request: MemberRequest) -> HttpResponseBase:
    """The domains that mail is sent from, with how each stands in the DNS; POST adds one."""
    form = DomainForm(request.POST or None)
    if request.method == "POST":
        require(request.membership, Capability.MANAGE)
        if form.is_valid():
            try:
                made = services.add_domain(workspace=request.workspace, name=form.cleaned_data["name"])
            except DomainError as error:
                add_refusal(form, error)
            else:
                return redirect(request, "delivery:domain", made.pk)
    rows = [(domain, selectors.standing(domain)) for domain in selectors.domains_in(request.workspace)]
    context = {"rows": rows, "form": form}
    return show(request, "delivery/domains.html", context, partial="add", status=422 if form.errors else 200)


@member_view(Capability.VIEW)
@require_safe
def domain(request: MemberRequest, domain_id: int) -> HttpResponseBase:
    """What the DNS says of one domain, and its DKIM keys with the records to publish."""
    return _show_domain(request, selectors.domain_in(request.workspace, domain_id))


def _show_domain(request: MemberRequest, domain: SendingDomain) -> HttpResponse:
    keys = [
        (key, *(record := selectors.record_of(key)), zone_text(record.text), selectors.keep_until(key))
        for key in domain.keys.select_related("domain")
    ]
    context = {
        "domain": domain,
        "items": selectors.checks_of(domain),
        "keys": keys,
        "mailboxes": selectors.mailboxes_of_domain(domain),
    }
    return show(request, "delivery/domain.html", context, partial="standing")


@member_view(Capability.MANAGE)
@require_POST
def check_domain(request: MemberRequest, domain_id: int) -> HttpResponseBase:
    """Ask the DNS now; keys whose records are there begin to sign."""
    domain = selectors.domain_in(request.workspace, domain_id)
    services.check_domain(domain)
    if is_fragment(request):
        return _show_domain(request, selectors.domain_in(request.workspace, domain_id))
    return redirect(request, "delivery:domain", domain.pk)


@member_view(Capability.MANAGE)
@require_POST
def create_dkim_keys(request: MemberRequest, domain_id: int) -> HttpResponseBase:
    """Make new DKIM keys for a domain."""
    domain = selectors.domain_in(request.workspace, domain_id)
    services.create_dkim_keys(domain)
    messages.success(request, "The keys are made. Publish their records; signing then begins by itself.")
    return redirect(request, "delivery:domain", domain.pk)


@member_view(Capability.MANAGE)
@require_POST
def activate_dkim_key(request: MemberRequest, domain_id: int, key_id: int) -> HttpResponseBase:
    """Let a waiting key sign although its record was not seen from here."""
    key = services.activate_dkim_key(selectors.dkim_key_in(request.workspace, domain_id, key_id))
    messages.success(request, f"{key.selector} signs from now on.")
    return redirect(request, "delivery:domain", domain_id)


@member_view(Capability.MANAGE)
@require_POST
def delete_dkim_key(request: MemberRequest, domain_id: int, key_id: int) -> HttpResponseBase:
    """Delete a DKIM key."""
    key = selectors.dkim_key_in(request.workspace, domain_id, key_id)
    services.delete_dkim_key(key)
    messages.success(request, f"{key.selector} was deleted. Its record can be taken out of the DNS.")
    return redirect(request, "delivery:domain", domain_id)


@member_view(Capability.MANAGE)
@require_POST
def delete_domain(request: MemberRequest, domain_id: int) -> HttpResponseBase:
    """Delete a domain with its keys."""
    domain = selectors.domain_in(request.workspace, domain_id)
    services.delete_domain(domain)
    messages.success(request, f"{domain.name} was deleted.")
    return redirect(request, "delivery:domains")
