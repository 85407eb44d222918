"""What is done to many contacts: a dialog that names the number first, then the deed."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_POST

from contacts import selectors, services
from contacts.services import Deed, Selection
from contacts.views.base import how_many, number, show
from contacts.views.contacts import criteria_of, list_url
from core.exceptions import InvalidInput
from frontend.htmx import redirect
from team.access import Capability, MemberRequest, member_view

MAX_TICKED = 1000


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
    count = services.carry_out_soon(
        Selection(request.workspace, ids=None if everybody else _ticked(request), criteria=criteria),
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
        messages.success(request, f"{how_many(count, *QUESTIONS[deed].done)}{where}.")
    return redirect(request, list_url(criteria))
