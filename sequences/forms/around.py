"""What a step's form offers to choose from, and what its title calls things by."""

from collections.abc import Callable
from collections.abc import Sequence as Items
from functools import cached_property

from contacts import selectors as contacts
from contacts.models import ContactField, FieldType
from frontend.templatetags.merge import gist
from sequences import selectors
from sequences.models import Sequence, Step, StepKind
from team import selectors as team
from templates_lib import selectors as templates
from templates_lib.models import Template

Choices = list[tuple[str, str]]


class Around:
    """A sequence's steps in the order of the document, and the workspace's lists, fields and templates.

    Each is read once, when it is first asked for: a page costs the same few queries however many steps it shows.
    """

    def __init__(self, sequence: Sequence, steps: Items[Step], *, title_of: Callable[[Step, "Around"], str]) -> None:
        self.title_of = title_of
        self.sequence = sequence
        self.steps = steps
        self.numbers = {step.key: number for number, step in enumerate(steps, start=1)}

    @cached_property
    def lists(self) -> dict[int, str]:
        """The names of the lists."""
        return {item.pk: item.name for item in contacts.lists_in(self.sequence.workspace)}

    @cached_property
    def segments(self) -> dict[int, str]:
        """The names of the segments."""
        return {item.pk: item.name for item in contacts.segments_in(self.sequence.workspace)}

    @cached_property
    def subjects(self) -> dict[str, contacts.Subject]:
        """What a condition can be about."""
        return contacts.subjects_in(self.sequence.workspace_id)

    @cached_property
    def fields(self) -> list[ContactField]:
        """The custom fields."""
        return list(contacts.fields_in(self.sequence.workspace))

    @cached_property
    def templates(self) -> list[Template]:
        """The templates that have content, by name."""
        library = templates.templates_in(self.sequence.workspace)
        return list(library.filter(current_version__isnull=False).order_by("name"))

    @cached_property
    def others(self) -> dict[int, str]:
        """The names of the workspace's other sequences that have not ended."""
        found = selectors.sequences_in(self.sequence.workspace).exclude(state=Sequence.State.CLOSED)
        return {item.pk: item.name for item in found if item.pk != self.sequence.pk}

    @cached_property
    def members(self) -> dict[int, str]:
        """The names of the workspace's members, by their users."""
        return {item.user_id: str(item.user) for item in team.members_in(self.sequence.workspace)}

    @property
    def date_fields(self) -> Choices:
        """The custom fields that hold a date."""
        return [(field.key, field.label) for field in self.fields if field.type == FieldType.DATE]

    @property
    def emails(self) -> Choices:
        """The emails of the sequence, by their numbers."""
        return [
            (step.key, f"{self.numbers[step.key]} · {self.email(step.key)}")
            for step in self.steps
            if step.kind == StepKind.EMAIL
        ]

    def email(self, key: str) -> str:
        """What an email of the sequence is called; "an email that is gone" for none."""
        step = next((step for step in self.steps if step.key == key), None)
        return "an email that is gone" if step is None else subject_of(step) or "email without a subject"

    def field_label(self, key: str) -> str:
        """What a custom field is called."""
        return next((field.label for field in self.fields if field.key == key), key)


def subject_of(step: Step) -> str:
    """Return the subject that an email is sent with where all is known, its merge fields by the names that people know."""
    return gist(step.subject or (step.template_version.subject if step.template_version else ""))
