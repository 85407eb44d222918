"""One gesture in the builder, one POST with the draft's revision; the answer is the canvas as it is then."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from core.exceptions import InvalidInput
from frontend.htmx import render_page, toast, trigger
from sequences import forms, selectors, services
from sequences.exceptions import SequenceError, StaleDraftError, StepError
from sequences.models import ROOT_LANE, Sequence
from sequences.services import Edited
from sequences.views.access import sequence_view
from sequences.views.builder import page_of
from team.access import Capability, MemberRequest

MAX_PASTE = 2_000_000


@require_POST
@sequence_view(Capability.EDIT)
def edit(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """Do `op` to the draft: add, move, nudge, delete, paste, clear, preset, undo or redo."""
    given = request.POST if "op" in request.POST else request.GET
    op = given.get("op", "")
    if op not in GESTURES:
        raise InvalidInput("There is no such gesture.")
    revision = given.get("revision", "")
    if not revision.isdecimal():
        raise InvalidInput("Say which revision of the draft you saw.")
    gesture = GESTURES[op](sequence, Given(given.dict()))
    try:
        done = gesture(revision=int(revision), actor=str(request.user))
    except StaleDraftError as error:
        return stale(error)
    except (SequenceError, StepError) as error:
        return toast(HttpResponse(status=error.status), error.message, level="danger")
    return canvas_after(request, sequence, done, undoable=op in ("delete", "clear"))


def canvas_after(request: MemberRequest, sequence: Sequence, done: Edited, *, undoable: bool = False) -> HttpResponse:
    """Answer with the canvas, what was done and which step has the focus."""
    context = page_of(request, sequence)
    response = render_page(request, "sequences/_canvas.html", context)
    response["HX-Retarget"], response["HX-Reswap"] = "#canvas", "outerHTML"
    if undoable:
        query = f"?op=undo&revision={context['version'].revision}"
        toast(response, f"{done.what}.", undo_url=reverse("sequences:edit", args=[sequence.pk]) + query)
    return trigger(response, "sequence-changed", {"what": done.what, "key": done.key})


def stale(error: StaleDraftError) -> HttpResponse:
    """Answer that somebody was faster, and what they did; the page offers to load itself again."""
    response = trigger(HttpResponse(status=error.status), "sequence-stale", {"edits": error.edits[-5:]})
    return toast(response, error.message, level="danger")


class Given:
    """The fields of a gesture, read with their types.  Raises InvalidInput."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str, default: str = "") -> str:
        """Return a text."""
        return str(self._fields.get(name, default))

    def whole(self, name: str) -> int:
        """Return a whole number."""
        try:
            return int(self._fields.get(name, ""))
        except ValueError as error:
            raise InvalidInput(f"{name} is a whole number.") from error

    def place(self) -> dict[str, Any]:
        """Return a place of a lane, as services take it."""
        return {"lane": self.text("lane", ROOT_LANE), "position": self.whole("index")}

    def steps(self) -> list[Any]:
        """Return the steps of a clipboard."""
        text = self.text("steps")
        if len(text) > MAX_PASTE:
            raise InvalidInput("That is too much to paste.")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInput("The clipboard holds no steps.") from error
        steps = found.get("steps") if isinstance(found, dict) else found
        if not isinstance(steps, list):
            raise InvalidInput("The clipboard holds no steps.")
        return steps


Gesture = Callable[..., Edited]


def _add(sequence: Sequence, given: Given) -> Gesture:
    sort = forms.BY_SLUG.get(given.text("sort"))
    if sort is None:
        raise InvalidInput("There is no such step.")
    version = selectors.edited_version(sequence)
    around = forms.around(sequence, selectors.steps_in_order(version) if version else [])
    fields = sort.new_settings(around)
    return partial(services.place_step, sequence, kind=sort.kind, fields=fields, **given.place())


GESTURES: dict[str, Callable[[Sequence, Given], Gesture]] = {
    "add": _add,
    "move": lambda sequence, given: partial(services.drag_step, sequence, key=given.text("key"), **given.place()),
    "nudge": lambda sequence, given: partial(
        services.shift_step, sequence, key=given.text("key"), by=1 if given.whole("by") > 0 else -1
    ),
    "delete": lambda sequence, given: partial(services.delete_step, sequence, key=given.text("key")),
    "paste": lambda sequence, given: partial(services.paste_steps, sequence, steps=given.steps(), **given.place()),
    "clear": lambda sequence, given: partial(services.empty_lane, sequence, lane=given.text("lane")),
    "preset": lambda sequence, given: partial(services.use_preset, sequence, slug=given.text("preset")),
    "undo": lambda sequence, given: partial(services.undo, sequence),
    "redo": lambda sequence, given: partial(services.redo, sequence),
}
