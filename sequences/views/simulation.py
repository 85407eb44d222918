"""Simulating a sequence, and sending its emails to the team."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from contacts.selectors import contacts_in
from core import clock
from core.exceptions import DomainError
from frontend.htmx import invalid, is_fragment, redirect, render_page, stop_polling
from sequences import services
from sequences.forms.simulation import CHOICE, CONTACT, SimulationForm
from sequences.models import Sequence
from sequences.simulation import Stage, Story
from sequences.views.access import frame, sequence_view
from team.access import Capability, MemberRequest

# Deeper lanes are drawn as deep as this.
MOST_DEPTH = 3


@require_safe
@sequence_view(Capability.VIEW)
def simulate(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """The form, and beside it what would become of the person; the URL is the whole simulation."""
    query = request.GET.copy()
    _name_contact(request, query)
    form = SimulationForm(_with_usual(query), sequence=sequence)
    context: dict[str, Any] = {**frame(request, sequence), "form": form, "query": query.urlencode()}
    try:
        if not form.is_valid():
            return invalid(request, "sequences/simulate.html", context, partial="told")
        story = _story(sequence, form)
    except DomainError as error:
        if error.status == 404:
            raise
        return invalid(request, "sequences/simulate.html", {**context, "problem": error.message}, partial="told")
    context |= {
        "story": story,
        "stages": [_shown(stage, query) for stage in story.stages],
        "chosen": bool(form.chosen),
        "unchosen_url": _url(sequence, _without_choices(query)),
        "drawn_url": _url(sequence, _changed(query, "seed", str((form.cleaned_data.get("seed") or 0) + 1))),
        "query_items": [(name, value) for name, values in query.lists() for value in values],
    }
    return render_page(request, "sequences/simulate.html", context, partial="told")


@require_POST
@sequence_view(Capability.EDIT)
def start_test_run(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """Send every email of the simulated way to the member who asks, minutes apart."""
    form = SimulationForm(_with_usual(request.POST.copy()), sequence=sequence)
    try:
        if not form.is_valid():
            raise DomainError("The simulation can’t be run as it is; mend the form first.")
        run = services.start_test_run(
            sequence=sequence,
            version=services.version_called(sequence, form.cleaned_data["version"]),
            story=_story(sequence, form),
            person=form.cleaned_data["person"],
            to=[request.user.email],
            gap=_gap(request.POST.get("gap", "")),
            mailbox=form.cleaned_data.get("mailbox"),
        )
    except DomainError as error:
        if error.status == 404:
            raise
        context = {**frame(request, sequence), "run_problem": error.message, "query": request.POST.urlencode()}
        return render_page(request, "sequences/test_run.html", context, partial="run", status=422)
    if is_fragment(request):
        return render_page(request, "sequences/test_run.html", _run_context(request, sequence, run), partial="run")
    return redirect(request, "sequences:test_run", sequence.pk, run)


@require_safe
@sequence_view(Capability.VIEW)
def test_run(request: MemberRequest, sequence: Sequence, run: str) -> HttpResponse:
    """How far a test run is."""
    context = _run_context(request, sequence, run)
    response = render_page(request, "sequences/test_run.html", context, partial="run")
    return stop_polling(response) if context["run"].is_over and is_fragment(request) else response


@require_POST
@sequence_view(Capability.EDIT)
def stop_test_run(request: MemberRequest, sequence: Sequence, run: str) -> HttpResponse:
    """Let what of a test run has not left never leave."""
    stopped = services.stop_test_run(sequence, run)
    messages.success(request, f"The test run is stopped: {stopped:,} of its emails will not leave.")
    if is_fragment(request):
        return render_page(request, "sequences/test_run.html", _run_context(request, sequence, run), partial="run")
    return redirect(request, "sequences:test_run", sequence.pk, run)


def _gap(text: str) -> timedelta:
    """Return so many minutes; what makes no sense is the usual gap."""
    return timedelta(minutes=int(text)) if text.isascii() and text.isdigit() and len(text) < 5 else services.USUAL_GAP


def _run_context(request: MemberRequest, sequence: Sequence, run: str) -> dict[str, Any]:
    return {**frame(request, sequence), "run": services.find_test_run(sequence, run)}


def _story(sequence: Sequence, form: SimulationForm) -> Story:
    return services.simulate_sequence(
        sequence=sequence,
        person=form.cleaned_data["person"],
        version=services.version_called(sequence, form.cleaned_data["version"]),
        start=form.cleaned_data.get("start") or clock.now(),
        mailbox=form.cleaned_data.get("mailbox"),
        outcomes=form.outcomes,
        chosen=form.chosen,
    )


def _with_usual(query: QueryDict) -> QueryDict:
    """Return the query with the form's usual values where it says nothing, so that the page opens with a simulation."""
    query.setdefault("who", "made_up")
    query.setdefault("reacts_after", "60")
    query.setdefault("start", timezone.localtime(clock.now()).strftime("%Y-%m-%dT%H:%M"))
    return query


def _name_contact(request: MemberRequest, query: QueryDict) -> None:
    """Turn `contact=<id>`, as other pages link here, into the address that the form knows."""
    pk = str(query.pop("contact", [""])[-1])
    if pk.isascii() and pk.isdigit() and len(pk) < 19:
        contact = contacts_in(request.workspace).filter(pk=int(pk)).first()
        if contact is not None:
            query["who"], query["email"] = CONTACT, contact.email


def _shown(stage: Stage, query: QueryDict) -> dict[str, Any]:
    """Return a stage as the page draws it: its lanes lead to the same simulation with that lane chosen."""
    lanes = []
    if stage.route is not None:
        for name, label in stage.route.options:
            changed = _changed(query, f"{CHOICE}{stage.choice_key}", name)
            lanes.append({"label": label, "taken": name == stage.route.lane, "query": changed.urlencode()})
    return {"stage": stage, "lanes": lanes, "depth": min(stage.depth, MOST_DEPTH)}


def _changed(query: QueryDict, name: str, value: str) -> QueryDict:
    changed = query.copy()
    changed[name] = value
    return changed


def _without_choices(query: QueryDict) -> QueryDict:
    kept = query.copy()
    for name in [name for name in kept if name.startswith(CHOICE)]:
        del kept[name]
    return kept


def _url(sequence: Sequence, query: QueryDict) -> str:
    return f"{reverse('sequences:simulate', args=[sequence.pk])}?{query.urlencode()}"
