"""Forms of emails, and of steps that end the way or lead elsewhere."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from frontend.forms import Switch
from sequences.document import settings_of
from sequences.exceptions import StepError
from sequences.forms.around import Around, subject_of
from sequences.forms.base import StepForm
from sequences.forms.fields import LengthField, WhereField, length
from sequences.models import Step, StepKind


class EmailForm(StepForm):
    slug, kind, label, icon, group = "email", StepKind.EMAIL, "Email", "mail", "Send"
    hint = "From a template, or written here"
    template = "sequences/forms/email.html"
    optional = ("preheader", "expires_after")

    template_id = forms.TypedChoiceField(label="Content", coerce=int, required=False)
    subject = forms.CharField(label="Subject", max_length=500, required=False)
    preheader = forms.CharField(
        label="Preheader", max_length=500, required=False, help_text="The line that inboxes show beside the subject."
    )
    thread = forms.BooleanField(
        label="Answer in the thread of the emails before",
        required=False,
        widget=Switch,
        help_text="Inboxes show it below them, as a follow-up.",
    )
    expires_after = LengthField(
        label="Passed over if it can’t leave within", required=False, help_text="Empty: it goes however late it is."
    )
    places = {"template": "template_id"}

    @classmethod
    def matches(cls, step: Step) -> bool:
        return step.kind == cls.kind

    @classmethod
    def settings_of(cls, step: Step) -> dict[str, Any]:
        version = step.template_version
        return {
            "template_id": version.template_id if version else None,
            "subject": step.subject,
            "preheader": step.preheader,
            **step.config,
        }

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        return subject_of(step) or "Email without a subject"

    @classmethod
    def marks(cls, step: Step) -> list[tuple[str, str]]:
        settings = cls.settings_of(step)
        thread = [("messages", "In the same thread")] if settings.get("thread") else []
        expires = settings.get("expires_after")
        return [*thread, *([("hourglass", f"Within {length(expires)}, or not at all")] if expires else [])]

    def offer(self) -> None:
        own = "Written for this step" if self.edited.source else "Choose a template…"
        self.choices("template_id", [(item.pk, item.name) for item in self.around.templates], empty=own)
        version = self.edited.template_version
        for name in ("subject", "preheader"):
            if version and getattr(version, name):
                self.fields[name].widget.attrs["placeholder"] = getattr(version, name)

    def changes(self) -> dict[str, Any]:
        names = ("subject", "preheader", "thread", "expires_after")
        found = {name: self.cleaned_data[name] for name in names}
        chosen = self.cleaned_data["template_id"] or None
        if chosen != self.before.get("template_id"):
            found["template"] = chosen
            if chosen is None:
                found["template_version"] = None
        return found


class JumpForm(StepForm):
    slug, kind, label, icon, group = "jump", StepKind.JUMP, "Jump", "arrow-forward-up", "End"
    hint = "Go on at another step"

    to = forms.ChoiceField(label="Go on at", required=False, help_text="Back: a new round begins, with new emails.")

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        to = cls.settings_of(step).get("to")
        return f"Go on at step {around.numbers.get(to, '?')}" if to else "Jump to a step"

    def offer(self) -> None:
        steps = [step for step in self.around.steps if step.key != self.edited.key]
        self.choices(
            "to",
            [
                (step.key, f"{self.around.numbers[step.key]} · {self.around.title_of(step, self.around)}")
                for step in steps
            ],
        )


class GoalForm(StepForm):
    slug, kind, label, icon, group = "goal", StepKind.GOAL, "Goal", "target", "End"
    hint = "What all this is for"
    optional = ("event", "where")

    event = forms.CharField(
        label="Event",
        max_length=100,
        required=False,
        help_text="Reached when it happens, wherever the contact stands. Empty: reached by coming here.",
    )
    where = WhereField(label="Only if", required=False, help_text="A property a line; all must be equal.")

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        event = cls.settings_of(step).get("event")
        return f"Goal: “{event}”" if event else "Goal: coming here"

    def read(self) -> dict[str, Any]:
        return {name: value for name, value in super().read().items() if value != {}}


class ExitForm(StepForm):
    slug, kind, label, icon, group = "exit", StepKind.EXIT, "Exit", "logout", "End"
    hint = "The way ends here"

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        return "The way ends"


class PlainForm(StepForm):
    """The settings of a sort that has no form of its own, as JSON."""

    slug, kind, label, icon, group = "plain", "", "Step", "settings", "Do"

    settings = forms.CharField(
        label="Settings", widget=forms.Textarea({"rows": 8, "class": "font-monospace", "spellcheck": "false"})
    )

    @classmethod
    def matches(cls, step: Step) -> bool:
        return True

    @classmethod
    def initial_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"settings": json.dumps(settings, indent=2, ensure_ascii=False)}

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        said = next((str(value) for value in settings_of(step).values() if isinstance(value, str)), "")
        return f"{step.get_kind_display()}: {said.replace('_', ' ')}" if said else step.get_kind_display()

    def clean_settings(self) -> dict[str, Any]:
        try:
            found = json.loads(self.cleaned_data["settings"])
        except ValueError as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from error
        if not isinstance(found, dict):
            raise forms.ValidationError("This must be an object.")
        return found

    def changes(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cleaned_data["settings"]
        return found

    def add_faults(self, error: StepError) -> None:
        said = [f"{path}: {message}" for path, messages in error.fields.items() for message in messages]
        for message in said or [error.message]:
            self.add_error("settings", message)
