"""The contact list, one contact, and the export."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from contacts import selectors, services
from contacts.exceptions import InvalidSegment
from contacts.exports import contact_rows
from contacts.forms import ContactForm, add_refusal
from contacts.models import Contact, SuppressionReason
from contacts.selectors import ContactFilter
from contacts.views.base import number, show
from core import clock
from core.exceptions import DomainError
from core.spreadsheets import csv_response
from frontend.htmx import redirect
from frontend.pagination import paginate
from team.access import Capability, MemberRequest, member_view

ORDERS: dict[str, tuple[str, ...]] = {
    "email": ("email_key", "id"),
    "-email": ("-email_key", "-id"),
    "name": ("last_name", "first_name", "id"),
    "-name": ("-last_name", "-first_name", "-id"),
    "added": ("id",),
    "-added": ("-id",),
}
DEFAULT_ORDER = "-added"
DEEDS = (
    ("add", "Add to list", ""),
    ("remove", "Remove from list", ""),
    ("suppress", "Suppress", ""),
    ("delete", "Delete", "text-danger"),
)
STATUSES = {
    "": "Any status",
    "mailable": "Gets mail",
    "suppressed": "Suppressed",
    **{value: f"Suppressed: {label.lower()}" for value, label in SuppressionReason.choices},
}


def criteria_of(data: Any) -> ContactFilter:
    """Return the filter that query parameters (or a form's fields) ask for; what makes no sense is left out."""
    status = data.get("status", "")
    return ContactFilter(
        query=data.get("q", "").strip(),
        list_id=number(data.get("list")),
        segment_id=number(data.get("segment")),
        status=status if status in STATUSES else "",
    )


@member_view(Capability.VIEW)
@require_GET
def contact_list(request: MemberRequest) -> HttpResponseBase:
    """Search, filter, sort and page through the contacts."""
    workspace = request.workspace
    criteria = criteria_of(request.GET)
    problem = ""
    try:
        contacts = selectors.find_contacts(workspace, criteria)
    except InvalidSegment as error:
        contacts, problem = Contact.objects.none(), error.message
    order = ORDERS.get(request.GET.get("sort", ""), ORDERS[DEFAULT_ORDER])
    page = paginate(contacts, cursor=request.GET.get("cursor"), order=order)
    context = {
        "page": page,
        "rows": _rows(request, page.items),
        "total": selectors.count_contacts(workspace, criteria) if page.is_first and not problem else None,
        "criteria": criteria,
        "problem": problem,
        "lists": selectors.lists_in(workspace),
        "segments": selectors.segments_in(workspace),
        "statuses": STATUSES.items(),
        "deeds": DEEDS,
        "list": selectors.list_in(workspace, criteria.list_id) if criteria.list_id else None,
        "segment": selectors.segment_in(workspace, criteria.segment_id) if criteria.segment_id else None,
        "query": request.GET.urlencode(),
    }
    return show(request, "contacts/list.html", context, partial="table")


def _rows(request: MemberRequest, contacts: list[Contact]) -> list[dict[str, Any]]:
    lists = selectors.lists_of(contacts)
    suppressions = selectors.suppressions_of(request.workspace.pk, contacts)
    return [
        {"contact": contact, "lists": lists[contact.pk], "suppression": suppressions.get(contact.email_key)}
        for contact in contacts
    ]


@member_view(Capability.EDIT)
@require_http_methods(["GET", "POST"])
def new_contact(request: MemberRequest) -> HttpResponseBase:
    """Add one contact by hand."""
    form = _form(request)
    if request.method == "POST" and form.is_valid():
        try:
            contact = services.create_contact(workspace=request.workspace, **form.changes())
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, f"{contact.email} was added.")
            return redirect(request, "contacts:detail", contact.pk)
    status = 422 if form.is_bound else 200
    return show(request, "contacts/new.html", {"form": form}, partial="form", status=status)


@member_view(Capability.VIEW)
@require_GET
def detail(request: MemberRequest, contact_id: int) -> HttpResponseBase:
    """One contact: data, lists, status, and what happened."""
    contact = selectors.contact_in(request.workspace, contact_id)
    return show(request, "contacts/detail.html", _detail_context(request, contact))


@member_view(Capability.EDIT)
@require_POST
def edit(request: MemberRequest, contact_id: int) -> HttpResponseBase:
    """Change a contact's data and lists."""
    contact = selectors.contact_in(request.workspace, contact_id)
    form = _form(request, contact)
    if form.is_valid():
        try:
            services.update_contact(contact, **form.changes())
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(request, "contacts:detail", contact.pk)
    return show(
        request, "contacts/detail.html", _detail_context(request, contact) | {"form": form}, partial="form", status=422
    )


def _form(request: MemberRequest, contact: Contact | None = None) -> ContactForm:
    lists = list(selectors.lists_in(request.workspace))
    member_of = [each.pk for each in selectors.lists_of([contact])[contact.pk]] if contact else []
    return ContactForm(
        request.POST if request.method == "POST" else None,
        custom=selectors.fields_in(request.workspace),
        lists=lists,
        contact=contact,
        member_of=member_of,
    )


def _detail_context(request: MemberRequest, contact: Contact) -> dict[str, Any]:
    fields = selectors.fields_in(request.workspace)
    return {
        "contact": contact,
        "custom": [(field.label, contact.attributes.get(field.key), field.type) for field in fields],
        "contact_lists": selectors.lists_of([contact])[contact.pk],
        "suppression": selectors.suppressions_of(request.workspace.pk, [contact]).get(contact.email_key),
        "form": _form(request, contact) if request.method == "GET" else None,
    }


@member_view(Capability.EDIT)
@require_POST
def suppress_contact(request: MemberRequest, contact_id: int) -> HttpResponseBase:
    """Let this contact's address get no more mail."""
    contact = selectors.contact_in(request.workspace, contact_id)
    services.suppress(
        workspace_id=request.workspace.pk,
        email=contact.email,
        reason=SuppressionReason.MANUAL,
        detail=f"By {request.user}",
    )
    messages.success(request, f"{contact.email} gets no more mail.")
    return redirect(request, "contacts:detail", contact.pk)


@member_view(Capability.MANAGE)
@require_POST
def lift(request: MemberRequest, contact_id: int) -> HttpResponseBase:
    """Let this contact's address get mail again."""
    contact = selectors.contact_in(request.workspace, contact_id)
    services.lift_suppression(workspace_id=request.workspace.pk, email=contact.email)
    messages.success(request, f"{contact.email} can get mail again.")
    return redirect(request, "contacts:detail", contact.pk)


@member_view(Capability.EDIT)
@require_POST
def delete(request: MemberRequest, contact_id: int) -> HttpResponseBase:
    """Delete one contact."""
    contact = selectors.contact_in(request.workspace, contact_id)
    services.delete_contacts(workspace=request.workspace, contact_ids=[contact.pk])
    messages.success(request, f"{contact.email} was deleted.")
    return redirect(request, "contacts:list")


@member_view(Capability.MANAGE)
@require_GET
def export(request: MemberRequest) -> HttpResponseBase:
    """Download the contacts that the list shows, all of its pages, as CSV."""
    contacts = selectors.find_contacts(request.workspace, criteria_of(request.GET))
    rows = contact_rows(contacts, selectors.fields_in(request.workspace))
    return csv_response(rows, name=f"contacts-{clock.now():%Y-%m-%d}.csv")


def list_url(criteria: ContactFilter) -> str:
    """Return the URL of the contact list under a filter."""
    parts = {"q": criteria.query, "list": criteria.list_id, "segment": criteria.segment_id, "status": criteria.status}
    return reverse("contacts:list", query={name: value for name, value in parts.items() if value})
