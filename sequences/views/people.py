"""Who is where: counts by step, the list, one person's history, and what is done by hand to one or many."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from core.exceptions import InvalidInput, NotFound
from frontend.htmx import is_fragment, redirect, render_page, say
from frontend.pagination import paginate
from sequences import selectors, services, words
from sequences.history import history_of, next_words
from sequences.models import OPEN_STATES, Enrolment, EnrolmentState, Intervention, Sequence
from sequences.people import OPEN, STATES, PeopleFilter, count_people, find_people
from sequences.views.access import frame, sequence_view
from team.access import Capability, MemberRequest

MAX_TICKED = 1_000
# Ids travel through forms, so this many at most are changed at once from the page.
MOST_FOUND = services.MOST_AT_ONCE
Deed = Intervention.Deed
STATE_LABELS = {OPEN: "On the way", **{name: state.label for name, state in STATES.items()}}


@dataclass(frozen=True, slots=True)
class Question:
    """How the dialog asks, and what is said when it is done."""

    title: str
    button: str
    done: tuple[str, str]
    text: str
    level: str = "primary"


QUESTIONS = {
    Deed.MOVE: Question(
        "Move to a step",
        "Move",
        ("person was moved", "people were moved"),
        "They go on from there as if they came now; mail that waits for them is cancelled. Who is moved back gets the emails anew.",
    ),
    Deed.SKIP: Question(
        "Skip the wait",
        "Skip",
        ("person goes on at once", "people go on at once"),
        "Their wait is over now. Who waits for an event goes by its timeout, for a reaction by “no”.",
    ),
    Deed.STOP: Question(
        "Stop",
        "Stop",
        ("person was stopped", "people were stopped"),
        "Their way ends here, and mail that waits for them is cancelled.",
        level="danger",
    ),
    Deed.RESTART: Question(
        "Start again",
        "Start again",
        ("person begins anew", "people begin anew"),
        "They begin at the first step in a new round and get its emails anew, also those who had ended.",
    ),
}


@require_safe
@sequence_view(Capability.VIEW)
def people(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """The list, searched and a page at a time; the counts are fetched beside it."""
    criteria = criteria_of(request.GET)
    page = paginate(find_people(sequence, criteria), cursor=request.GET.get("cursor"), order=("-id",))
    labels = selectors.labels_in(sequence, {enrolment.step_key for enrolment in page.items})
    context = {
        **frame(request, sequence),
        "page": page,
        "rows": [_row(enrolment, labels) for enrolment in page.items],
        "criteria": criteria,
        "steps": selectors.labels_in(sequence).items(),
        "states": STATE_LABELS.items(),
        "deeds": [(deed.value, question.title) for deed, question in QUESTIONS.items()],
    }
    return render_page(request, "sequences/people.html", context, partial="table")


@require_safe
@sequence_view(Capability.VIEW)
def counts(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """How many people stand at each step."""
    found = count_people(sequence)
    labels = selectors.labels_in(sequence, found.open)
    most = max(found.open.values(), default=0)
    context = {
        **frame(request, sequence),
        "counts": found,
        "most": most,
        "by_step": [(key, label, found.open.get(key, 0)) for key, label in labels.items()],
        "endings": [
            (state.name.lower(), reason, words.reason_words(reason) or "Came to the end", count)
            for (state, reason), count in sorted(found.ended.items(), key=lambda each: -each[1])
        ],
    }
    return render_page(request, "sequences/people_counts.html", context, partial="counts")


@require_safe
@sequence_view(Capability.VIEW)
def person(request: MemberRequest, sequence: Sequence, enrolment_id: int) -> HttpResponse:
    """One enrolment's history."""
    enrolment = _enrolment(request, sequence, enrolment_id)
    labels = selectors.labels_in(sequence, [enrolment.step_key])
    context = {
        **frame(request, sequence),
        **_row(enrolment, labels),
        "history": history_of(enrolment),
        "next": next_words(enrolment),
        "deeds": [(deed.value, question.title) for deed, question in QUESTIONS.items() if _fits(enrolment, deed)],
    }
    return render_page(request, "sequences/enrolment.html", context)


@require_POST
@sequence_view(Capability.SEND)
def ask(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """Answer with the dialog that names how many people it is about."""
    deed, criteria = _deed(request), criteria_of(request.POST)
    ticked = _ticked(request)
    found = list(find_people(sequence, criteria).order_by("-id").values_list("pk", flat=True)[: MOST_FOUND + 1])
    context = {
        **frame(request, sequence),
        "deed": deed.value,
        "question": QUESTIONS[deed],
        "ticked": ticked,
        "criteria": criteria,
        "found": min(len(found), MOST_FOUND),
        "more": len(found) > MOST_FOUND,
        "whole": bool(request.POST.get("found")),
        "steps": selectors.labels_in(sequence).items() if deed == Deed.MOVE else (),
    }
    return render_page(request, "sequences/people_deed.html", context, partial="dialog")


@require_POST
@sequence_view(Capability.SEND)
def intervene(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """Do it to those ticked, or to all that the search finds."""
    deed, ticked = _deed(request), _ticked(request)
    ids, seen = list(ticked), dict(ticked)
    if request.POST.get("scope") == "found":
        criteria = criteria_of(request.POST)
        ids = list(find_people(sequence, criteria).order_by("-id").values_list("pk", flat=True)[:MOST_FOUND])
        seen = {}
    done = _do(sequence, deed, ids, seen, to=request.POST.get("to", ""))
    _tell(request, sequence, deed, done)
    if is_fragment(request):
        return HttpResponseClientRefresh()
    return redirect(request, "sequences:people", sequence.pk)


@require_POST
@sequence_view(Capability.SEND)
def undo(request: MemberRequest, sequence: Sequence, intervention_id: int) -> HttpResponse:
    """Take a deed back for those who stand where it has put them."""
    back = services.undo_intervention(selectors.intervention_in(sequence, intervention_id))
    messages.success(request, f"Taken back for {how_many(back, 'person', 'people')}.")
    return HttpResponseClientRefresh() if is_fragment(request) else redirect(request, "sequences:people", sequence.pk)


def criteria_of(data: Any) -> PeopleFilter:
    """Return the filter of query parameters or of a form; what makes no sense is left out."""
    state = data.get("state", "")
    return PeopleFilter(
        query=data.get("q", "").strip()[:200],
        step=data.get("step", "")[:20],
        state=state if state in STATE_LABELS else "",
        reason=data.get("reason", "")[:40],
    )


def how_many(count: int, noun: str, plural: str) -> str:
    """Return "1 person" or "12,480 people"."""
    return f"{count:,} {noun if count == 1 else plural}"


def _row(enrolment: Enrolment, labels: dict[str, str]) -> dict[str, Any]:
    state = EnrolmentState(enrolment.state)
    return {
        "enrolment": enrolment,
        "step": labels.get(enrolment.step_key, "A step that is gone"),
        "state": state.name.lower(),
        "state_label": state.label,
        "reason": words.reason_words(enrolment.reason),
        "is_open": enrolment.state in OPEN_STATES,
        "seen": services.stamp_of(enrolment.step_key, enrolment.rotation, enrolment.state),
    }


def _fits(enrolment: Enrolment, deed: Intervention.Deed) -> bool:
    return deed == Deed.RESTART or enrolment.state in OPEN_STATES


def _enrolment(request: MemberRequest, sequence: Sequence, enrolment_id: int) -> Enrolment:
    enrolment = selectors.enrolment_in(request.workspace, enrolment_id)
    if enrolment.sequence_id != sequence.pk:
        raise NotFound("There is no such enrolment.")
    return enrolment


def _deed(request: MemberRequest) -> Intervention.Deed:
    try:
        return Deed(request.POST.get("deed", ""))
    except ValueError as error:
        raise InvalidInput("Choose what to do.") from error


def _ticked(request: MemberRequest) -> dict[int, str]:
    """Return the enrolments that were ticked and where they stood then: each is "<id>/<mark>"."""
    ticked: dict[int, str] = {}
    for value in request.POST.getlist("people")[:MAX_TICKED]:
        pk, _, mark = value.partition("/")
        if pk.isascii() and pk.isdigit() and len(pk) < 19:
            ticked[int(pk)] = mark
    return ticked


def _do(sequence: Sequence, deed: Intervention.Deed, ids: list[int], seen: dict[int, str], *, to: str) -> services.Done:
    if not ids:
        raise InvalidInput("Tick somebody first.")
    match deed:
        case Deed.MOVE:
            if not to:
                raise InvalidInput("Choose a step.", fields={"to": ["Choose a step."]})
            return services.move_people(sequence=sequence, enrolment_ids=ids, to=to, seen=seen)
        case Deed.SKIP:
            return services.skip_waits(sequence=sequence, enrolment_ids=ids, seen=seen)
        case Deed.STOP:
            return services.stop_people(sequence=sequence, enrolment_ids=ids, seen=seen)
        case _:
            return services.restart_people(sequence=sequence, enrolment_ids=ids, seen=seen)


def _tell(request: MemberRequest, sequence: Sequence, deed: Intervention.Deed, done: services.Done) -> None:
    undo_url = reverse("sequences:undo_intervention", args=[sequence.pk, done.intervention.pk])
    say(request, f"{how_many(done.changed, *QUESTIONS[deed].done)}.", undo_url=undo_url)
    for why, count in done.reasons:
        messages.warning(request, f"{how_many(count, 'person was', 'people were')} left as they are. {why}")
