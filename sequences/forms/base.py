"""What all forms of steps have in common: a class says how its kind looks in the palette, on its card and in the panel."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast

from django import forms

from frontend.forms import TablerBoundField
from sequences.document import settings_of
from sequences.exceptions import StepError
from sequences.forms.around import Around
from sequences.models import Step

Group = Literal["Send", "Wait", "Decide", "Do", "End"]


class StepField(TablerBoundField):
    """A field of a step: a draft may leave all of them empty, "optional" stands at those that may stay so."""

    @property
    def shows_optional(self) -> bool:
        return self.name in cast("StepForm", self.form).optional


class StepForm(forms.Form):
    """The settings of one sort of step.

    A sort is a kind, or a kind with some settings `fixed` ("a branch on a list").  A new sort needs a subclass in
    `sequences.forms.SORTS`: the palette, the menus, the cards and the panel follow it.
    """

    slug: ClassVar[str]
    kind: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]
    group: ClassVar[Group]
    hint: ClassVar[str] = ""
    fixed: ClassVar[Mapping[str, Any]] = {}
    starts_with: ClassVar[Mapping[str, Any]] = {}
    # Settings that the form shows; others of the step are kept as they are.
    manages: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    # Where the faults of settings are shown, if the field has another name.
    places: ClassVar[Mapping[str, str]] = {}

    template: ClassVar[str] = "sequences/forms/plain.html"
    # Templates show what the class says.
    do_not_call_in_templates = True
    bound_field_class = StepField

    def __init__(self, data: Mapping[str, Any] | None = None, *, step: Step, around: Around, **kwargs: Any) -> None:
        self.edited = step
        self.around = around
        self.before = self.settings_of(step) if self.matches(step) else dict(self.starts_with)
        kwargs["initial"] = self.initial_of(self.before) | (kwargs.get("initial") or {})
        super().__init__(data, auto_id="step_%s", **kwargs)
        self.offer()

    @classmethod
    def matches(cls, step: Step) -> bool:
        """Tell whether the step is of this sort."""
        settings = cls.settings_of(step)
        return step.kind == cls.kind and all(settings.get(name) == value for name, value in cls.fixed.items())

    @classmethod
    def new_settings(cls, around: Around) -> dict[str, Any]:
        """Return the settings of a new step.  Raises StepError where there can't be one."""
        return {**cls.fixed, **cls.starts_with}

    @classmethod
    def settings_of(cls, step: Step) -> dict[str, Any]:
        """Return the step's settings as the document has them."""
        return settings_of(step)

    @classmethod
    def initial_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the fields show of settings."""
        return dict(settings)

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        """Return what the step does, in a few words, for its card."""
        return cls.label

    @classmethod
    def marks(cls, step: Step) -> list[tuple[str, str]]:
        """Return what else its card says, each an icon and a few words."""
        return []

    def offer(self) -> None:
        """Fill in the choices."""

    def read(self) -> dict[str, Any]:
        """Return the settings that the valid form holds."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}

    def changes(self) -> dict[str, Any]:
        """Return all settings of the step as they shall be."""
        kept = {
            name: value
            for name, value in self.before.items()
            if self.matches(self.edited) and name not in (*self.fields, *self.manages)
        }
        return {**kept, **self.fixed, **self.read()}

    def lane_names(self) -> dict[str, str]:
        """Return the lanes that get another name, old to new."""
        return {}

    def choices(self, name: str, choices: list[tuple[Any, str]], *, empty: str = "Choose…") -> None:
        """Give a field its choices, an empty one first."""
        cast("forms.ChoiceField", self.fields[name]).choices = [("", empty), *choices]

    def add_faults(self, error: StepError) -> None:
        """Show what a service said about settings at the fields that hold them."""
        for path, messages in error.fields.items():
            name = self.places.get(path, path.rsplit(".", 1)[-1])
            for message in messages:
                self.add_error(name if name in self.fields else None, message)
        if not error.fields:
            self.add_error(None, error.message)
