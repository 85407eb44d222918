"""What the emails of a draft send."""

from django.db import transaction

from sequences.exceptions import StepError
from sequences.models import Sequence, StepKind
from sequences.services import drafts
from sequences.services.gestures import gesture, step_of
from team.models import User
from templates_lib import services as templates
from templates_lib.models import Template

FIRST_CONTENT = "note"


@transaction.atomic
def make_template(sequence: Sequence, *, key: str, user: User | None = None, actor: str = "") -> Template:
    """Return the template of an email of the draft; what was written for the step alone, or nothing yet, becomes one.

    Raises StepError for a step that is no email.
    """
    with gesture(sequence, revision=None, actor=actor) as draft:
        step = step_of(draft, key)
        if step.kind != StepKind.EMAIL:
            raise StepError("Only an email has content.")
        if step.template_version is not None:
            return step.template_version.template
        if step.source.strip():
            template = templates.create_template(
                workspace=sequence.workspace,
                name=templates.unused_name(
                    sequence.workspace, f"{sequence.name[:60]}: {step.subject or 'email'}"[:110]
                ),
                format=step.format,
                subject=step.subject,
                preheader=step.preheader,
                source=step.source,
                text_source=step.text_source,
                user=user,
            )
        else:
            template = templates.use_starter(workspace=sequence.workspace, slug=FIRST_CONTENT, user=user)
        drafts.update_step(step, template=template.pk, source="", text_source="")
    return template


@transaction.atomic
def take_newest(sequence: Sequence, *, key: str, actor: str = "") -> None:
    """Let an email of the draft send the newest version of its template."""
    with gesture(sequence, revision=None, actor=actor) as draft:
        step = step_of(draft, key)
        if step.template_version is not None:
            drafts.update_step(step, template=step.template_version.template_id)
