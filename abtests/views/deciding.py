"""What people decide about a test: one POST each; whoever comes too late is told what happened meanwhile."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh

from abtests import reading, selectors, services
from abtests.exceptions import ExperimentError
from abtests.models import Experiment, Variant
from abtests.results import ArmResult, Results
from abtests.views.access import Subject, rest_of, to_decide
from abtests.words import RATES, headline, people
from core import clock
from core.exceptions import InvalidInput
from frontend.htmx import is_fragment, redirect, refuse, render_page
from team.access import Capability, MemberRequest, member_view

# What a test may be in for a version to be chosen, or stopped.
_ENDED = frozenset({Experiment.State.DECIDED, Experiment.State.STOPPED})


def _move(act: Callable[[MemberRequest, Experiment], None], done: str) -> Callable[..., HttpResponseBase]:
    @require_POST
    @member_view(Capability.VIEW)
    def view(request: MemberRequest, experiment_id: int) -> HttpResponse:
        subject = to_decide(request, experiment_id)
        return _do(request, subject, lambda: act(request, subject.experiment), done)

    view.__doc__ = act.__doc__
    return view


def _pause(_: MemberRequest, experiment: Experiment) -> None:
    """Hold the test."""
    services.pause(experiment)


def _resume(_: MemberRequest, experiment: Experiment) -> None:
    """Let it go on."""
    services.resume(experiment)


def _stop(request: MemberRequest, experiment: Experiment) -> None:
    """End it without a winner."""
    services.stop(experiment, by=request.user)


pause = _move(_pause, "The test is paused. No more parts go out, and nothing is decided until you resume it.")
resume = _move(_resume, "The test goes on.")
stop = _move(_stop, "The test is stopped. A, the email as it is, goes to everybody else.")


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.VIEW)
def choose(request: MemberRequest, experiment_id: int) -> HttpResponse:
    """Ask which version wins by hand, naming how many people get it; POST (`version`) chooses it."""
    subject = to_decide(request, experiment_id)
    if request.method == "POST":
        arm = _version(request, subject.experiment)
        done = f"{arm.name} is chosen, by hand, and goes to everybody else."
        return _do(
            request, subject, lambda: services.choose_winner(subject.experiment, variant=arm, by=request.user), done
        )
    return render_page(request, "abtests/choose.html", _question(subject), partial="dialog")


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.VIEW)
def stop_version(request: MemberRequest, experiment_id: int) -> HttpResponse:
    """Ask which version is to be stopped; POST (`version`) stops it."""
    subject = to_decide(request, experiment_id)
    if request.method == "POST":
        arm = _version(request, subject.experiment)
        done = f"{arm.name} is stopped: nobody else gets it."
        return _do(request, subject, lambda: services.stop_arm(subject.experiment, variant=arm), done)
    return render_page(request, "abtests/stop_version.html", _question(subject), partial="dialog")


def _do(request: MemberRequest, subject: Subject, act: Callable[[], None], done: str) -> HttpResponse:
    """Do it and show the results anew, or say who was quicker."""
    try:
        act()
    except ExperimentError as error:
        now = Experiment.objects.select_related("winner", "decided_by").get(pk=subject.experiment.pk)
        if now.state not in _ENDED:
            return refuse(request, error.message)
        return refuse(request, _too_late(now, request) or error.message)
    messages.success(request, done)
    if is_fragment(request):
        return HttpResponseClientRefresh()
    return redirect(request, reverse("abtests:results", args=[subject.experiment.pk]))


def _too_late(experiment: Experiment, request: MemberRequest) -> str:
    """Say what has ended the test meanwhile."""
    by = experiment.decided_by
    who = "You have" if by == request.user else f"{by.get_full_name() or by.email} has" if by else ""
    if experiment.state == Experiment.State.STOPPED:
        return f"{who or 'Somebody has'} stopped this test meanwhile. Nothing else was changed."
    if who and experiment.winner is not None:
        return f"{who} chosen {experiment.winner.name} meanwhile. Nothing else was changed."
    found = reading.results(experiment, now=clock.now())
    return f"The test was decided meanwhile: {headline(found, rest=None).title}. Nothing else was changed."


def _version(request: MemberRequest, experiment: Experiment) -> Variant:
    number = request.POST.get("version", "")
    found = next((each for each in selectors.variants_of(experiment) if str(each.pk) == number), None)
    if found is None:
        raise InvalidInput("Say which version.", fields={"version": ["Say which version."]})
    return found


def _question(subject: Subject) -> dict[str, Any]:
    found = reading.results(subject.experiment, now=clock.now())
    rest = rest_of(found, subject.place)
    return {
        "experiment": subject.experiment,
        "found": found,
        "who": people(rest) if rest is not None else "",
        "rest": rest,
        "arms": _eligible(found),
        "rate": RATES[subject.experiment.metric],
    }


def _eligible(found: Results) -> list[ArmResult]:
    return [arm for arm in found.arms if arm.variant.stopped_at is None]
