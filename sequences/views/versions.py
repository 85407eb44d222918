"""The versions of a sequence: who published what, what differs, and the way back."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_POST, require_safe

from core.exceptions import NotFound
from frontend.htmx import redirect, render_page, stop_polling
from sequences import selectors, services
from sequences.models import Sequence, Version
from sequences.views.access import frame, sequence_view
from sequences.views.differences import diff_rows
from team.access import Capability, MemberRequest


@require_safe
@sequence_view(Capability.VIEW)
def versions(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """All versions, and what one of them (`?version=`) changed against another (`?with=`, the one before)."""
    found = list(selectors.versions_of(sequence))
    selected = _chosen(found, request.GET.get("version", "")) or (found[0] if found else None)
    before = [version for version in found if selected and version.number < selected.number]
    other = _chosen(found, request.GET.get("with", "")) or (before[0] if before else None)
    context: dict[str, Any] = {
        **frame(request, sequence),
        "versions": found,
        "selected": selected,
        "other": other,
        "has_draft": any(version.published_at is None for version in found),
        "publication": selectors.latest_publication(sequence),
    }
    if selected and other:
        context["diff"] = diff_rows(selectors.diff_versions(other, selected))
    return render_page(request, "sequences/versions.html", context)


@require_safe
@sequence_view(Capability.VIEW)
def progress(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """How far the last published change is; the last answer once it has reached everybody."""
    publication = selectors.latest_publication(sequence)
    context = {**frame(request, sequence), "publication": publication}
    response = render_page(request, "sequences/versions_progress.html", context)
    return response if publication is not None and publication.is_moving else stop_polling(response)


@require_POST
@sequence_view(Capability.EDIT)
def restore(request: MemberRequest, sequence: Sequence, number: int) -> HttpResponse:
    """Make a draft of an older version's steps, and show what publishing it does."""
    services.restore_version(sequence, number=number, replace=request.POST.get("replace") == "1")
    messages.success(request, f"The steps of version {number} are a draft now. Nothing has changed yet for anybody.")
    return redirect(request, "sequences:publish", sequence.pk)


def _chosen(found: list[Version], number: str) -> Version | None:
    if not number:
        return None
    for version in found:
        if str(version.number) == number:
            return version
    raise NotFound("There is no such version.")
