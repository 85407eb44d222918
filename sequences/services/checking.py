"""What keeps a draft from being published."""

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass

from django.db import connection

from sequences import selectors
from sequences.document import document_of, graph_of, placed, reading_of
from sequences.exceptions import StepError
from sequences.kinds import Reading
from sequences.lint import lint, place_problems
from sequences.models import Sequence, Step, StepKind
from sequences.services import arms
from sequences.services.references import check_references, circle_of_starts, live_starts
from sequences.structure import Problem, problems
from templates_lib.rendering import TemplateError, compile_email, lint_email

# A draft is nested no deeper than it was allowed to be when it was written.
ANY_DEPTH = 1000
STARTS_LOCK = 0x73746172
# What keeps an email from being sent, of the warnings about it.
BLOCKING = {"subject-empty", "no-unsubscribe-link"}


def problems_of(sequence: Sequence) -> list[Problem]:
    """Return what keeps the sequence's shown version from being published, step by step."""
    version = selectors.shown_version(sequence)
    return find_problems(sequence.workspace_id, selectors.steps_in_order(version)) if version else []


@dataclass(frozen=True, slots=True)
class Findings:
    """What the builder marks in place: `errors` keep the steps from being published, `warnings` don't."""

    errors: list[Problem]
    warnings: list[Problem]


def findings_of(workspace_id: int, steps: Items[Step]) -> Findings:
    """Return everything that is, or looks, wrong with steps (with their templates) in the order of the document."""
    errors = find_problems(workspace_id, steps)
    known = {(problem.key, problem.code) for problem in errors}
    errors += [problem for problem in place_problems(steps) if (problem.key, problem.code) not in known]
    contents = {step.key: content_of(step) for step in steps if step.kind == StepKind.EMAIL}
    return Findings(errors, lint(steps, contents))


def find_problems(workspace_id: int, steps: Items[Step]) -> list[Problem]:
    """Return the problems of steps (with their templates) in the order of the document.

    The structure is looked at once every step is complete.
    """
    readings = [None if step.kind == StepKind.EMAIL else reading_of(step) for step in steps]
    references = check_references(workspace_id, *[reading.settings if reading else None for reading in readings])
    found = [
        problem
        for step, reading, (_, gone) in zip(steps, readings, references, strict=True)
        for problem in _problems_of_step(step, reading, gone)
    ]
    return found or [*problems(graph_of(steps)), *_circles(steps)]


def require_publishable(workspace_id: int, steps: Items[Step]) -> None:
    """Raise StepError for the first problem, naming the step."""
    if not any(step.kind == StepKind.EMAIL for step in steps):
        raise StepError("There is no email to send yet.", fields={"steps": ["Add an email."]})
    if any(_started_by(step) for step in steps):
        # Two that start each other must not be published at the same moment.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [STARTS_LOCK, workspace_id % 2**31])
    _raise_first(steps, find_problems(workspace_id, steps))


def require_mail(steps: Items[Step]) -> None:
    """Raise StepError for the first email that can't be compiled or sent as it is, naming the step."""
    _raise_first(
        steps, (problem for step in steps if step.kind == StepKind.EMAIL for problem in _problems_of_mail(step))
    )


def _raise_first(steps: Items[Step], found: Iterable[Problem]) -> None:
    for problem in found:
        place = next(place for place in placed(document_of(steps), deepest=ANY_DEPTH) if place.key == problem.key)
        where = f"{place.path}.{problem.field}" if problem.field else place.path
        raise StepError(
            f"{place.label} ({place.kind}): {problem.message}", code=problem.code, fields={where: [problem.message]}
        )


def _problems_of_mail(step: Step) -> Iterable[Problem]:
    content = content_of(step)
    yield from _problems_of_content(step, content)
    for arm, said in arms.contents_of_arms(step, content)[1:]:
        said.pop("from_name")
        if said != content:
            yield from _problems_of_content(step, said, f"Version {arm.name}: ")


def _problems_of_content(step: Step, content: Mapping[str, str], whose: str = "") -> Iterable[Problem]:
    try:
        compiled = compile_email(**content)
    except TemplateError as error:
        for fault in error.problems:
            yield Problem(step.key, "template_error", f"{whose}{fault}", fault.part)
        return
    for fault in lint_email(compiled):
        if fault.code in BLOCKING:
            yield Problem(step.key, fault.code.replace("-", "_"), f"{whose}{fault.message}", fault.part)


def _problems_of_step(step: Step, reading: Reading | None, gone: Mapping[str, str]) -> Iterable[Problem]:
    if reading is None:
        if not content_of(step)["source"].strip():
            yield Problem(step.key, "no_content", "It has no content yet; choose a template.")
        yield from arms.problems_of_test(step, content_of(step))
        return
    for field, message in (reading.errors | reading.missing).items():
        yield Problem(step.key, "incomplete", message, field)
    for field, message in gone.items():
        yield Problem(step.key, "gone", message, field)


def _circles(steps: Items[Step]) -> Iterable[Problem]:
    """A contact who is started by one sequence in the next, and at last in the first again, would never be done."""
    starting = {step.key: _started_by(step) for step in steps if _started_by(step)}
    if not starting:
        return
    sequence = steps[0].version.sequence
    live = live_starts(sequence.workspace_id)
    for step_key, target in starting.items():
        names = circle_of_starts(sequence, target, live)
        if names:
            message = "The sequences start each other: " + " → ".join(f"“{name}”" for name in names) + "."
            yield Problem(step_key, "circle_of_starts", message, "sequence")


def _started_by(step: Step) -> int:
    starts = step.kind == StepKind.ACTION and step.config.get("do") == "start_sequence"
    return step.config.get("sequence", 0) if starts else 0


def content_of(step: Step) -> dict[str, str]:
    """Return what an email step sends: format, subject, preheader, source and text_source, its own before the template's."""
    origin = step.template_version or step
    return {
        "format": origin.format,
        "subject": step.subject or origin.subject,
        "preheader": step.preheader or origin.preheader,
        "source": origin.source,
        "text_source": origin.text_source,
    }
