"""The rules of a whole sequence, in a dialog."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from contacts import selectors as contacts
from core.exceptions import InvalidInput
from frontend.htmx import invalid, is_fragment, redirect, render_page, toast, trigger
from sequences import selectors, services, words
from sequences.exceptions import SequenceError
from sequences.forms.rules import RulesForm, segment_with
from sequences.models import Sequence
from sequences.views.access import frame, sequence_view
from team.access import Capability, MemberRequest, require_on

DONE = "The rules were saved. They hold from now on, for people on the way as well."


@require_http_methods(["GET", "HEAD", "POST"])
@sequence_view(Capability.VIEW)
def rules(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """What a reply does, and who leaves early; POST saves it."""
    if request.method != "POST":
        context = _context(request, sequence, RulesForm(sequence=sequence))
        return render_page(request, "sequences/rules.html", context, partial="dialog")
    require_on(request.membership, Capability.EDIT, selectors.owner_of(sequence))
    if sequence.state == Sequence.State.CLOSED:
        raise SequenceError("The sequence has ended: nobody is on the way.")
    form = RulesForm(request.POST, sequence=sequence)
    if form.is_valid():
        try:
            services.update_rules(sequence, **form.changes())
        except InvalidInput as error:
            form.add_faults(error)
        else:
            return _saved(request, sequence)
    return invalid(request, "sequences/rules.html", _context(request, sequence, form), partial="dialog")


def _saved(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    if not is_fragment(request):
        messages.success(request, DONE)
        return redirect(request, "sequences:builder", sequence.pk)
    response = HttpResponse()
    response["HX-Reswap"] = "none"
    page = request.htmx.current_url_abs_path or ""  # type: ignore[attr-defined]  # put there by django-htmx
    if page.startswith(reverse("sequences:builder", args=[sequence.pk])):  # a campaign's checklist has no such line
        context = {**frame(request, sequence), "rules": rules_line(sequence)}
        response = render_page(request, "sequences/_rules.html", context)
        response["HX-Retarget"], response["HX-Reswap"] = "#seq-rules", "outerHTML"
    return trigger(toast(response, DONE), "dialog-close")


def rules_line(sequence: Sequence) -> str:
    """Return the rules in one line."""
    leaving = ""
    if sequence.exit_filter:
        segment = segment_with(sequence.exit_filter, contacts.segments_in(sequence.workspace))
        described = contacts.describe_segment(sequence.workspace_id, sequence.exit_filter) if segment is None else ""
        leaving = f"in “{segment.name}”" if segment else described
    return words.rules_words(sequence.on_reply, leaving)


def _context(request: MemberRequest, sequence: Sequence, form: RulesForm) -> dict[str, Any]:
    shared = frame(request, sequence)
    return {**shared, "form": form, "editable": shared["can_edit"] and sequence.state != Sequence.State.CLOSED}
