"""Comments on steps."""

from django.db import transaction

from core import clock
from core.exceptions import Forbidden, InvalidInput
from sequences import selectors
from sequences.models import Sequence, StepComment
from team.models import User

LONGEST = 2_000


@transaction.atomic
def add_comment(sequence: Sequence, *, key: str, text: str, author: User) -> StepComment:
    """Say something about a step that the sequence shows.  Raises InvalidInput."""
    text = text.strip()
    if not text or len(text) > LONGEST or "\x00" in text:
        message = f"Write up to {LONGEST:,} letters."
        raise InvalidInput(message, fields={"text": [message]})
    version = selectors.edited_version(sequence)
    if version is None or not version.steps.filter(key=key).exists():
        raise InvalidInput("The step is gone.", fields={"text": ["The step is gone."]})
    return StepComment.objects.create(sequence=sequence, step_key=key, text=text, author=author)


@transaction.atomic
def resolve_comment(comment: StepComment, *, by: User, resolved: bool = True) -> None:
    """Mark a comment as dealt with, or open it again."""
    comment.resolved_at = clock.now() if resolved else None
    comment.resolved_by = by if resolved else None
    comment.save(update_fields=["resolved_at", "resolved_by"])


@transaction.atomic
def remove_comment(comment: StepComment, *, by: User) -> None:
    """Delete a comment of one's own.  Raises Forbidden for somebody else's."""
    if comment.author_id != by.pk:
        raise Forbidden("Only who wrote a comment can delete it.")
    comment.delete()
