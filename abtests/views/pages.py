"""The list of tests, the results of one, and how it all works."""

from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

from abtests import reading, selectors
from abtests.breakdowns import breakdown_of
from abtests.drawings import boundary, intervals
from abtests.limits import FEWEST_ARMS
from abtests.listing import rows_of
from abtests.models import Experiment
from abtests.proofs import PROOFS, SIZES
from abtests.showing import factors, harm, plan_facts, versions
from abtests.views.access import Subject, rest_of, subject_of
from abtests.words import (
    RATES,
    chance_sentence,
    harmful_sentence,
    headline,
    hours,
    interaction_sentence,
    split_sentence,
)
from core import clock
from frontend.htmx import is_fragment, render_page, stop_polling
from frontend.pagination import paginate
from team.access import Capability, MemberRequest, can, member_view

POLL_SECONDS = 5


@require_safe
@member_view(Capability.VIEW)
def tests(request: MemberRequest) -> HttpResponse:
    """All tests of the workspace, newest first."""
    query, state = request.GET.get("q", ""), request.GET.get("state", "")
    state = state if state in Experiment.State.values else ""
    page = paginate(
        reading.find_experiments(request.workspace, query=query, state=state),
        cursor=request.GET.get("cursor"),
        order=("-id",),
    )
    context = {
        "page": page,
        "rows": rows_of(page.items),
        "total": bool(page.items) or selectors.experiments_in(request.workspace).exists(),
        "states": Experiment.State.choices,
        "state": state,
        "can_create": can(request.membership, Capability.EDIT),
    }
    return render_page(request, "abtests/list.html", context, partial="table")


@require_safe
@member_view(Capability.VIEW)
def results(request: MemberRequest, experiment_id: int) -> HttpResponse:
    """What a test has found."""
    return render(request, "abtests/results.html", _context(subject_of(request, experiment_id)))


@require_safe
@member_view(Capability.VIEW)
def numbers(request: MemberRequest, experiment_id: int) -> HttpResponse:
    """The live part of the results: asked again while the test runs, and nothing is sent where nothing has changed."""
    subject = subject_of(request, experiment_id)
    if is_fragment(request) and request.GET.get("state", subject.experiment.state) != subject.experiment.state:
        # The buttons differ, too.
        return HttpResponseClientRefresh()
    context = _context(subject)
    if is_fragment(request) and context["poll_url"] and request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    response = render_page(request, "abtests/results.html", context, partial="numbers")
    return response if context["poll_url"] else stop_polling(response)


@require_safe
@member_view(Capability.VIEW)
def breakdown(request: MemberRequest, experiment_id: int) -> HttpResponse:
    """The rates of groups of recipients: to get ideas from, not to prove anything."""
    subject = subject_of(request, experiment_id)
    found = reading.results(subject.experiment, now=clock.now())
    context = {
        "experiment": subject.experiment,
        "arms": found.arms,
        "groups": breakdown_of(subject.experiment, found.arms, now=found.at),
        "rate": RATES[subject.experiment.metric],
    }
    return render_page(request, "abtests/breakdown.html", context, partial="groups")


@require_safe
@member_view(Capability.VIEW)
def how_it_works(request: HttpRequest) -> HttpResponse:
    """The method: in plain words first, then for statisticians."""
    return render(request, "abtests/how_it_works.html", {"proofs": PROOFS, "sizes": SIZES})


def _context(subject: Subject) -> dict[str, Any]:
    experiment = subject.experiment
    found = reading.results(experiment, now=clock.now())
    rest = rest_of(found, subject.place)
    is_even, split = split_sentence(found)
    said = headline(found, rest=rest)
    is_waiting = experiment.state == Experiment.State.DECIDED and not selectors.goes_to_the_rest(experiment)
    context = {
        "experiment": experiment,
        "place": subject.place,
        "can_decide": subject.can_decide,
        "found": found,
        "rest": rest,
        "headline": said,
        "chance": chance_sentence(found) if found.is_open else "",
        "is_even": is_even,
        "is_waiting": is_waiting,
        "stoppable": sum(not arm.is_out for arm in found.arms) > FEWEST_ARMS,
        "split": split,
        "versions": versions(found),
        "harm": harm(found),
        "plan": plan_facts(found),
        "factors": factors(found),
        "interaction": interaction_sentence(found),
        "harmful": harmful_sentence(found),
        "likely": found.likely_look.fraction if found.likely_look and experiment.state == "running" else None,
        "waiting": found.sent - found.counted,
        "window": hours(experiment.window_hours),
        "may_choose": found.is_open or is_waiting,
        "rate": RATES[experiment.metric],
        "intervals": intervals(found),
        "boundary": boundary(found),
        "poll_seconds": POLL_SECONDS,
    }
    context["seen"] = _seen(context)
    context["poll_url"] = ""
    if found.is_open:
        asked = urlencode({"state": experiment.state, "seen": context["seen"]})
        context["poll_url"] = f"{reverse('abtests:numbers', args=[experiment.pk])}?{asked}"
    return context


def _seen(context: dict[str, Any]) -> str:
    """Return what changes when something that is shown does."""
    found = context["found"]
    shown = [
        [(arm.live, arm.counted, arm.chance, arm.is_blocked, arm.variant.stopped_at) for arm in found.arms],
        len(found.looks),
        [part.released_at for part in found.parts],
        context["headline"],
        found.experiment.summarised_at is None,
        context["rest"],
    ]
    return f"{crc32(repr(shown).encode()):x}"
