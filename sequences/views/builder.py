"""The builder's page, and what it asks for while it is open."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from core.exceptions import InvalidInput
from frontend.htmx import render_page
from sequences import forms, selectors, services
from sequences.models import Sequence
from sequences.numbers import numbers_of
from sequences.views.access import frame, sequence_view
from sequences.views.canvas import draw, version_shown
from sequences.views.rules import rules_line
from team.access import Capability, MemberRequest


@require_safe
@sequence_view(Capability.VIEW)
def builder(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """The draft's steps, or the live ones; HTMX gets the canvas alone."""
    return render_page(request, "sequences/builder.html", page_of(request, sequence), partial="canvas")


def page_of(request: MemberRequest, sequence: Sequence) -> dict[str, Any]:
    """Return what the page and its parts show."""
    version, steps = version_shown(sequence)
    shared = frame(request, sequence)
    is_draft = version is not None and version.published_at is None
    return {
        **shared,
        "version": version,
        "is_draft": is_draft,
        "editable": is_draft and shared["can_edit"],
        "is_live": sequence.live_version_id is not None,
        "canvas": draw(sequence, steps),
        "rules": rules_line(sequence),
        "reach": selectors.reach_of(version) if version and is_draft else selectors.Reach(),
        "palette": forms.palette(),
        "presets": selectors.presets(),
    }


@require_safe
@sequence_view(Capability.VIEW)
def numbers(request: MemberRequest, sequence: Sequence) -> JsonResponse:
    """What was sent, opened and clicked, who waits and who left, by step, and how many took each lane."""
    found = numbers_of(sequence)
    steps = {
        key: {
            "sent": item.sent if item.is_email else None,
            "opened": item.opened,
            "clicked": item.clicked,
            "waiting": item.waiting,
            "left": item.left,
        }
        for key, item in found.steps.items()
    }
    return JsonResponse({"entered": found.entered, "steps": steps, "lanes": found.lanes})


@require_safe
@sequence_view(Capability.VIEW)
def fragment(request: MemberRequest, sequence: Sequence) -> JsonResponse:
    """A step with its lanes (`?key=`), or the steps of a lane (`?lane=`), for the clipboard."""
    key, lane = request.GET.get("key", ""), request.GET.get("lane", "")
    if not key and not lane:
        raise InvalidInput("Say which step or lane.")
    return JsonResponse({"drumbeat": "steps", "steps": services.fragment_of(sequence, key=key, lane=lane)})
