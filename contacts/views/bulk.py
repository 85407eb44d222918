"""What is done to many contacts: a dialog that names the number first, then the deed."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_POST

from contacts import selectors, services
from contacts.services import Selection
from contacts.views.base import how_many, number, show
from contacts.views.contacts import criteria_of, list_url
from core.exceptions import InvalidInput
from frontend.htmx import redirect
from team.access import Capability, MemberRequest, member_view

MAX_TICKED = 1000


@dataclass(frozen=True, slots=True)
class Deed:
    """Something to do to many; `warning` says what can't be taken back."""

    verb: str
    button: str
    needs_list: bool = False
    warning: str = ""
    level: str = "primary"


DEEDS = {
    "add": Deed("Add to a list", "Add", needs_list=True),
    "remove": Deed("Remove from a list", "Remove", needs_list=True),
    "suppress": Deed(
        "Suppress",
        "Suppress",
        warning="Their addresses get no more mail from this workspace until an admin lifts the suppression.",
        level="danger",
    ),
    "delete": Deed(
        "Delete",
        "Delete",
        warning="Their data, list memberships and messages go too. This can’t be undone. Suppressed addresses stay suppressed.",
        level="danger",
    ),
}


def _ticked(request: MemberRequest) -> list[int]:
    ids = [number(text) for text in request.POST.getlist("ids")[:MAX_TICKED]]
    return [each for each in ids if each is not None]


@member_view(Capability.EDIT)
@require_POST
def ask(request: MemberRequest) -> HttpResponseBase:
    """Answer with the dialog that asks: it counts those ticked and all that the search finds."""
    name = request.POST.get("deed", "")
    deed = DEEDS.get(name)
    if deed is None:
        raise InvalidInput("Choose what to do.")
    criteria = criteria_of(request.POST)
    ids = _ticked(request)
    context: dict[str, Any] = {
        "name": name,
        "deed": deed,
        "ids": ids,
        "ticked": Selection(request.workspace, ids=ids).contacts.count(),
        "found": selectors.count_contacts(request.workspace, criteria),
        "criteria": criteria,
        "lists": selectors.lists_in(request.workspace) if deed.needs_list else [],
    }
    return show(request, "contacts/bulk.html", context, partial="dialog")


@member_view(Capability.EDIT)
@require_POST
def run(request: MemberRequest) -> HttpResponseBase:
    """Do it to those ticked, or to all that the search finds."""
    criteria = criteria_of(request.POST)
    selection = (
        Selection(request.workspace, criteria=criteria)
        if request.POST.get("scope") == "found"
        else Selection(request.workspace, ids=_ticked(request))
    )
    deed = request.POST.get("deed", "")
    list_id = number(request.POST.get("target"))
    if deed in {"add", "remove"}:
        if list_id is None:
            raise InvalidInput("Choose a list.")
        list_ = selectors.list_in(request.workspace, list_id)
        if deed == "add":
            count = services.add_selection_to_list(selection, list_)
            done = f"{how_many(count, 'contact was', 'contacts were')} added to “{list_.name}”."
        else:
            count = services.remove_selection_from_list(selection, list_)
            done = f"{how_many(count, 'contact was', 'contacts were')} removed from “{list_.name}”."
    elif deed == "suppress":
        count = services.suppress_selection(selection, detail=f"By {request.user}")
        done = f"{how_many(count, 'address gets', 'addresses get')} no more mail."
    elif deed == "delete":
        count = services.delete_selection(selection)
        done = f"{how_many(count, 'contact was', 'contacts were')} deleted."
    else:
        raise InvalidInput("Choose what to do.")
    messages.success(request, done)
    return redirect(request, list_url(criteria))
