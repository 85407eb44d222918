"""Forms of actions: what happens to a contact that comes by."""

from typing import Any

from django import forms

from sequences.forms.around import Around
from sequences.forms.base import StepForm
from sequences.models import Step, StepKind


class ActionForm(StepForm):
    """What is common to actions."""

    kind, group = StepKind.ACTION, "Do"


class ListActionForm(ActionForm):
    """An action on a list; `doing` is its title with the list's name in it."""

    doing = ""

    list = forms.TypedChoiceField(label="List", coerce=int, required=False)

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        chosen = cls.settings_of(step).get("list")
        return cls.doing.format(f"“{around.lists.get(chosen, 'that is gone')}”") if chosen else cls.label

    def offer(self) -> None:
        self.choices("list", [*self.around.lists.items()])


class AddToListForm(ListActionForm):
    slug, label, icon = "add-to-list", "Add to a list", "list"
    fixed = {"do": "add_to_list"}
    doing = "Add to list {}"


class RemoveFromListForm(ListActionForm):
    slug, label, icon = "remove-from-list", "Remove from a list", "list-details"
    fixed = {"do": "remove_from_list"}
    doing = "Remove from list {}"


class SetFieldForm(ActionForm):
    slug, label, icon = "set-field", "Set a field", "pencil"
    hint = "Give a custom field a value"
    fixed = {"do": "set_field"}
    optional = ("value",)
    manages = ("value",)

    field = forms.ChoiceField(label="Field", required=False)
    value = forms.CharField(label="Value", required=False, max_length=500, help_text="Empty: the field is emptied.")

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        settings = cls.settings_of(step)
        if not settings.get("field"):
            return cls.label
        name, value = around.field_label(settings["field"]), settings.get("value")
        return f"Empty {name}" if value is None else f"Set {name} to “{value}”"

    def offer(self) -> None:
        self.choices("field", [(field.key, field.label) for field in self.around.fields])
        if not self.around.fields:
            self.fields["field"].help_text = "There is no custom field yet; add one under Contacts, Fields."

    def read(self) -> dict[str, Any]:
        return super().read() | {"value": self.cleaned_data["value"] or None}
