"""What is done to many contacts: a dialog that names the number first, then the deed."""

from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from contacts import selectors, services
from contacts.exceptions import ContactsError
from contacts.models import List
from contacts.services import Deed, Selection
from contacts.views.base import how_many, number, show
from contacts.views.contacts import criteria_of, list_url
from core.exceptions import InvalidInput
from frontend.htmx import is_fragment, redirect, say
from team.access import Capability, MemberRequest, member_view

MAX_TICKED = 1000
UNDO_SECONDS = 600
INVERSE = {Deed.ADD: Deed.REMOVE, Deed.REMOVE: Deed.ADD}


@dataclass(frozen=True, slots=True)
class Question:
    """How the dialog asks; `warning` says what can't be taken back, `done` what was done to so many."""

    title: str
    button: str
    done: tuple[str, str]
    needs_list: bool = False
    warning: str = ""
    level: str = "primary"


QUESTIONS = {
    Deed.ADD: Question("Add to a list", "Add", ("contact was added", "contacts were added"), needs_list=True),
    Deed.REMOVE: Question(
        "Remove from a list", "Remove", ("contact was removed", "contacts were removed"), needs_list=True
    ),
    Deed.SUPPRESS: Question(
        "Suppress",
        "Suppress",
        ("address gets no more mail", "addresses get no more mail"),
        warning="Their addresses get no more mail from this workspace until an admin lifts the suppression.",
        level="danger",
    ),
    Deed.DELETE: Question(
        "Delete",
        "Delete",
        ("contact was deleted", "contacts were deleted"),
        warning="Their data, list memberships and messages go too. This can’t be undone. Suppressed addresses stay suppressed.",
        level="danger",
    ),
}


def _deed(request: MemberRequest) -> Deed:
    try:
        return Deed(request.POST.get("deed", ""))
    except ValueError as error:
        raise InvalidInput("Choose what to do.") from error


def _ticked(request: MemberRequest) -> list[int]:
    ids = [number(text) for text in request.POST.getlist("ids")[:MAX_TICKED]]
    return [each for each in ids if each is not None]


@member_view(Capability.EDIT)
@require_POST
def ask(request: MemberRequest) -> HttpResponseBase:
    """Answer with the dialog that asks: it counts those ticked and all that the search finds."""
    deed = _deed(request)
    question = QUESTIONS[deed]
    criteria = criteria_of(request.POST)
    ids = _ticked(request)
    context: dict[str, Any] = {
        "deed": deed.value,
        "question": question,
        "ids": ids,
        "ticked": Selection(request.workspace, ids=ids).contacts.count(),
        "found": selectors.count_contacts(request.workspace, criteria),
        "criteria": criteria,
        "lists": selectors.lists_in(request.workspace) if question.needs_list else [],
    }
    return show(request, "contacts/bulk.html", context, partial="dialog")


@member_view(Capability.EDIT)
@require_POST
def run(request: MemberRequest) -> HttpResponseBase:
    """Do it to those ticked, or to all that the search finds."""
    deed = _deed(request)
    criteria = criteria_of(request.POST)
    everybody = request.POST.get("scope") == "found"
    list_id = number(request.POST.get("target"))
    list_ = selectors.list_in(request.workspace, list_id) if list_id else None
    selection = Selection(request.workspace, ids=None if everybody else _ticked(request), criteria=criteria)
    changed = services.changed_by(selection, deed, list_) if list_ and deed in INVERSE else []
    count = services.carry_out_soon(
        selection,
        deed,
        list_=list_,
        detail=f"By {request.user}",
        actor=request.actor_label,
    )
    if count is None:
        messages.info(request, "They are many: a worker is at it. Reload the page in a minute to see how far it is.")
    else:
        where = (
            f" {'to' if deed == Deed.ADD else 'from'} “{list_.name}”" if list_ and QUESTIONS[deed].needs_list else ""
        )
        done = f"{how_many(count, *QUESTIONS[deed].done)}{where}."
        if list_ and changed:
            say(request, done, undo_url=_undo_later(request, INVERSE[deed], list_, changed))
        else:
            messages.success(request, done)
    return redirect(request, list_url(criteria))


@member_view(Capability.EDIT)
@require_POST
def undo(request: MemberRequest, key: str) -> HttpResponseBase:
    """Take back what was done to a list, for exactly the contacts that it changed."""
    kept = cache.get(_undo_key(request, key))
    list_ = selectors.lists_in(request.workspace).filter(pk=kept["list"]).first() if kept else None
    if list_ is None:
        raise ContactsError("It is too late to undo this.", code="too_late")
    deed = Deed(kept["deed"])
    count = services.carry_out(Selection(request.workspace, ids=kept["contacts"]), deed, list_=list_)
    cache.delete(_undo_key(request, key))
    where = "are back in" if deed == Deed.ADD else "are out of"
    messages.success(request, f"Undone: {how_many(count, 'contact', 'contacts')} {where} “{list_.name}”.")
    return HttpResponseClientRefresh() if is_fragment(request) else redirect(request, "contacts:list")


def _undo_later(request: MemberRequest, deed: Deed, list_: List, contact_ids: list[int]) -> str:
    """Remember how to take it back, and return where that is done."""
    key = token_urlsafe(12)
    cache.set(_undo_key(request, key), {"deed": deed.value, "list": list_.pk, "contacts": contact_ids}, UNDO_SECONDS)
    return reverse("contacts:bulk_undo", args=[key])


def _undo_key(request: MemberRequest, key: str) -> str:
    return f"contacts:undo:{request.workspace.pk}:{key}"
