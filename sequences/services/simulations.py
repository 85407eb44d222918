"""Simulating a sequence: what is needed is read, nothing is written or sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from abtests.models import Variant
from contacts.selectors import is_suppressed
from core import clock
from core.exceptions import NotFound
from delivery import selectors as delivery
from delivery.models import Mailbox
from sequences import selectors
from sequences.document import graph_of
from sequences.exceptions import StepError
from sequences.graph import Graph
from sequences.models import Sequence, Step, Version
from sequences.services import arms
from sequences.services.checking import content_of, find_problems
from sequences.simulation import Outcomes, Person, Story, checked_outcomes, simulate, tested_emails
from templates_lib.rendering import CompiledEmail, RenderError, TemplateError, compile_email

# A simulation goes on beside these, and says so where they matter.
BEARABLE = frozenset({"no_content", "gone", "unreachable", "endless_loop", "no_such_email", "email_later"})


def simulate_sequence(
    *,
    sequence: Sequence,
    person: Person,
    version: Version,
    start: datetime,
    mailbox: Mailbox | None = None,
    window: Mapping[str, Any] | None = None,
    outcomes: Outcomes | None = None,
    chosen: object = None,
) -> Story:
    """Tell what would become of the person who enters the version at `start`.

    `mailbox` and `window` (its stored form) are those that mail would leave by; None: the campaign's.  `chosen` are outcomes as a
    request gives them, to be checked.  Raises StepError for steps that are not finished, InvalidInput for wrong outcomes.
    """
    steps = selectors.steps_in_order(version)
    graph = _graph(sequence, steps)
    tested = tested_emails(steps)
    found = outcomes or Outcomes()
    if chosen is not None:
        versions = {key: list(test.versions) for key, test in tested.items()}
        found = Outcomes(checked_outcomes(graph, chosen, versions), found.seed, found.reacts_after)
    sender = mailbox or default_mailbox(sequence)
    person.away_until = selectors.away_until(sequence, person.contact_id)
    foresight = delivery.foresee(
        sequence.workspace,
        window=window_of(sequence, steps) if window is None else window,
        mailbox=sender,
        contact_id=person.contact_id or None,
        time_zone=person.columns["time_zone"],
        now=clock.now(),
    )
    shared = shared_context(sequence, sender)
    told = simulate(
        graph=graph,
        steps=steps,
        workspace_id=sequence.workspace_id,
        person=person,
        start=start,
        outcomes=found,
        foresight=foresight,
        exit_filter=sequence.exit_filter,
        tested=tested,
        write=lambda step, reader, version: _lines(step, version, {**reader.merge_fields(), **shared}),
    )
    return _with_warnings(told, sequence, person, sender)


def version_called(sequence: Sequence, name: str) -> Version:
    """Return the version "draft", "live" or of a number; "" is the draft, or what is live without one.  Raises NotFound."""
    match name:
        case "":
            found = selectors.shown_version(sequence)
        case "draft":
            found = selectors.draft_version(sequence)
        case "live":
            found = sequence.live_version
        case _:
            number = int(name) if name.isdecimal() and len(name) < 10 else 0
            found = sequence.versions.filter(number=number).first()
    if found is None:
        raise NotFound("This sequence has no such version.")
    return found


def default_mailbox(sequence: Sequence) -> Mailbox | None:
    """Return the first mailbox of the campaign that contacts enter the sequence by, if it has one."""
    pool: Any = getattr(selectors.owner_of(sequence), "mailboxes", None)
    found: Mailbox | None = None
    if pool is not None:
        found = pool.filter(archived_at=None).select_related("workspace").order_by("from_email").first()
    return found


def window_of(sequence: Sequence, steps: list[Step]) -> Mapping[str, Any]:
    """Return the sending hours of the version's mail: those of its mailings, else of the campaign that is to send it."""
    window: Mapping[str, Any] | None = next((step.mailing.window for step in steps if step.mailing), None)
    if window is None:
        window = getattr(selectors.owner_of(sequence), "window", {})
    return window


def shared_context(sequence: Sequence, mailbox: Mailbox | None) -> dict[str, Any]:
    """Return the merge fields that are the same for everybody, as delivery fills them."""
    workspace = sequence.workspace
    return {
        "sender": {"name": mailbox.from_name if mailbox else "", "email": mailbox.from_email if mailbox else ""},
        "workspace": {
            "name": workspace.name,
            "company": workspace.company,
            "address": workspace.postal_address,
            "website": workspace.website,
        },
        "campaign": {"name": sequence.name},
    }


def _graph(sequence: Sequence, steps: list[Step]) -> Graph:
    for problem in find_problems(sequence.workspace_id, steps):
        if problem.code not in BEARABLE:
            raise StepError(
                f"The steps are not finished: {problem.message}",
                code="unfinished",
                fields={f"steps.{problem.key}": [problem.message]},
            )
    return graph_of(steps)


def _lines(step: Step, version: Variant | None, context: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the subject and preheader of an email, or of a version of it, for a person, and what keeps it from being made."""
    content: Mapping[str, Any] = content_of(step)
    if version is not None:
        content = arms.content_of_arm(content, version)
    subject, preheader = content["subject"], content["preheader"]
    problem = "" if content["source"].strip() else "It has no content yet."
    try:
        made = _compiled(subject, preheader).render(context)
    except (TemplateError, RenderError) as error:
        return subject, preheader, f"It can’t be made for this person: {error}"
    return made.subject, made.preheader, problem


def _compiled(subject: str, preheader: str) -> CompiledEmail:
    # Only the lines are shown, so only they are compiled.
    return compile_email(format="text", subject=subject, preheader=preheader, source="-")


def _with_warnings(told: Story, sequence: Sequence, person: Person, mailbox: Mailbox | None) -> Story:
    found = list(told.warnings)
    if not told.stages:
        found.append("There are no steps yet.")
    if person.contact_id and is_suppressed(sequence.workspace_id, person.email):
        found.append("Their address is suppressed: in earnest nothing would be sent, and the way would end at once.")
    if mailbox is None:
        found.append("No mailbox is chosen, so its limits are not looked at.")
    elif mailbox.status == Mailbox.Status.PAUSED:
        found.append(f"The mailbox {mailbox.from_email} is paused: nothing leaves until it is resumed.")
    if sequence.state == Sequence.State.PAUSED:
        found.append("The sequence is paused: everybody is held where they are until it is resumed.")
    return Story(told.start, told.time_zone, told.stages, told.ending, told.ended_at, tuple(found))
