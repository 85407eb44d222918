"""Forms of actions: what happens to a contact that comes by."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from django import forms

from frontend.forms import Switch
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


class TagActionForm(ActionForm):
    """An action on a tag; `doing` is its title with the tag in it."""

    doing = ""

    tag = forms.CharField(label="Tag", max_length=100, required=False)

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        tag = cls.settings_of(step).get("tag")
        return cls.doing.format(f"“{tag}”") if tag else cls.label


class AddTagForm(TagActionForm):
    slug, label, icon = "add-tag", "Add a tag", "tag"
    fixed = {"do": "add_tag"}
    doing = "Tag {}"


class RemoveTagForm(TagActionForm):
    slug, label, icon = "remove-tag", "Remove a tag", "tags"
    fixed = {"do": "remove_tag"}
    doing = "Remove tag {}"


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


class WebhookForm(ActionForm):
    slug, label, icon = "webhook", "Call a webhook", "webhook"
    hint = "Tells another program, signed"
    fixed = {"do": "webhook"}
    optional = ("payload",)
    manages = ("data",)
    places = {"data": "payload"}

    url = forms.CharField(
        label="Address",
        max_length=2000,
        required=False,
        widget=forms.URLInput({"placeholder": "https://example.com/hook"}),
    )
    payload = forms.JSONField(
        label="Data",
        required=False,
        widget=forms.Textarea(
            {"rows": 3, "spellcheck": "false", "class": "font-monospace", "placeholder": '{"plan": "pro"}'}
        ),
        help_text="A JSON object that goes along with the contact’s data.",
    )

    @classmethod
    def initial_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {**settings, "payload": settings.get("data")}

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        host = urlsplit(str(cls.settings_of(step).get("url", ""))).hostname
        return f"Call {host}" if host else cls.label

    def read(self) -> dict[str, Any]:
        found = super().read()
        payload = found.pop("payload", None)
        return found | ({"data": payload} if payload is not None else {})


class NotifyForm(ActionForm):
    slug, label, icon = "notify", "Notify the team", "bell"
    hint = "A mail to members"
    fixed = {"do": "notify"}
    optional = ("message",)

    members = forms.TypedMultipleChoiceField(
        label="Whom", coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    message = forms.CharField(label="Message", max_length=1000, required=False, widget=forms.Textarea({"rows": 3}))

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        chosen = [around.members.get(pk, "somebody who left") for pk in cls.settings_of(step).get("members", ())]
        more = f" and {len(chosen) - 2} more" if len(chosen) > 2 else ""
        return (
            f"Notify {' and '.join(chosen[:2]) if not more else ', '.join(chosen[:2])}{more}" if chosen else cls.label
        )

    def offer(self) -> None:
        cast("forms.MultipleChoiceField", self.fields["members"]).choices = list(self.around.members.items())

    def read(self) -> dict[str, Any]:
        return {name: value for name, value in super().read().items() if value != []}


class OtherSequenceForm(ActionForm):
    """An action on another sequence; `doing` is its title with the sequence's name in it."""

    doing = ""

    sequence = forms.TypedChoiceField(label="Sequence", coerce=int, required=False)

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        chosen = cls.settings_of(step).get("sequence")
        return cls.doing.format(f"“{around.others.get(chosen, 'that has ended')}”") if chosen else cls.label

    def offer(self) -> None:
        self.choices("sequence", [*self.around.others.items()])


class StartSequenceForm(OtherSequenceForm):
    slug, label, icon = "start-sequence", "Start a sequence", "player-play"
    hint = "They go through both"
    fixed = {"do": "start_sequence"}
    doing = "Start {}"

    again = forms.BooleanField(
        label="Anew each time", required=False, widget=Switch, help_text="Else each contact enters it once."
    )


class StopSequenceForm(OtherSequenceForm):
    slug, label, icon = "stop-sequence", "Stop a sequence", "player-stop"
    fixed = {"do": "stop_sequence"}
    doing = "Stop {}"
