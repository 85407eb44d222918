"""Opening and discarding a draft beside the live version, and publishing it after a look at what that does."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from core import clock
from core.exceptions import DomainError, InvalidInput
from frontend.htmx import redirect, render_page
from sequences import selectors, services, words
from sequences.models import Policy, Sequence
from sequences.services import PublishPreview, StepForecast
from sequences.views.access import frame, sequence_view
from sequences.views.differences import diff_rows
from team.access import Capability, MemberRequest

POLICIES = {
    Policy.MIGRATE: "Everybody goes on in the new steps from where they stand. What they were sent already is not sent again.",
    Policy.FINISH_OLD: "Whoever is on the way keeps to the steps as they were. Only newcomers take the new ones.",
    Policy.EXIT: "Everybody’s way ends now, and what is queued for them is cancelled. Only newcomers take the new steps.",
}


@require_POST
@sequence_view(Capability.EDIT)
def open_draft(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """Begin to edit what is live."""
    services.open_draft(sequence)
    messages.success(request, "You edit a draft. Everybody goes on with the live steps until you publish it.")
    return redirect(request, "sequences:builder", sequence.pk)


@require_POST
@sequence_view(Capability.EDIT)
def discard_draft(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """Throw the draft away."""
    services.discard_draft(sequence)
    messages.success(request, "The changes were thrown away. The live steps are as they were.")
    return redirect(request, "sequences:builder", sequence.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@sequence_view(Capability.SEND)
def publish(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """What publishing does, by each policy; POST does it."""
    if request.method == "POST":
        return _publish(request, sequence)
    if selectors.draft_version(sequence) is None or sequence.live_version_id is None:
        messages.info(request, "There are no changes to publish.")
        return redirect(request, "sequences:builder", sequence.pk)
    return _page(request, sequence, request.GET.get("policy", Policy.MIGRATE))


def _publish(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    policy, revision = request.POST.get("policy", ""), request.POST.get("revision", "")
    if not revision.isdecimal():
        raise InvalidInput("Load the page again to see what publishing does.")
    try:
        publication = services.publish_changes(sequence, policy=policy, revision=int(revision), by=str(request.user))
    except DomainError as error:
        if selectors.draft_version(sequence) is None:
            raise
        return _page(request, sequence, policy, refusal=error.message, status=error.status)
    done = f"Version {publication.version.number} is live."
    if publication.finished_at is None:
        done += " It is on its way to everybody."
    messages.success(request, done)
    return redirect(request, "sequences:versions", sequence.pk)


def _page(
    request: MemberRequest, sequence: Sequence, policy: str, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    chosen = Policy(policy) if policy in Policy.values else Policy.MIGRATE
    context: dict[str, Any] = {
        **frame(request, sequence),
        "policies": [(item, item.label, POLICIES[item]) for item in Policy],
        "policy": chosen,
        "refusal": refusal,
    }
    try:
        preview = services.preview_publish(sequence, policy=chosen)
    except DomainError as error:
        context["problem"] = error.message
    else:
        context |= {"preview": preview, "diff": diff_rows(preview.diff), "forecast": forecast_rows(preview)}
    return render_page(request, "sequences/publish.html", context, partial="forecast", status=status)


def forecast_rows(preview: PublishPreview) -> list[dict[str, Any]]:
    """Return what becomes of the people at each step, in words."""
    now = clock.now()
    return [
        {
            "step": step,
            "words": _words_of(step),
            "last_due_at": step.last_due_at
            if step.fate != "stay" and step.last_due_at and step.last_due_at > now
            else None,
        }
        for step in preview.steps
    ]


def _words_of(step: StepForecast) -> str:
    match step.fate:
        case "stay":
            return "They stay and go on as before."
        case "wait":
            return f"They wait {words.duration_words(step.wait)} in all, counted from when they came."
        case "look":
            return "They stay; what they wait for is looked at anew, from when they came."
        case "leave":
            return f"The step is gone: they serve the rest of the wait, then go on at “{step.to_title}”."
        case "end":
            return "The step is gone and nothing comes after it: their way is complete."
        case "finish_old":
            return "They finish the steps as they were."
    return "Their way ends."
