"""Forms of branches: a question, and a lane for each answer."""

import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any, cast

from django import forms

from contacts.selectors import Subject, ValueKind
from frontend.forms import DateLocal
from sequences.forms.around import Around
from sequences.forms.base import StepForm
from sequences.forms.fields import LengthField, WhereField, length
from sequences.models import Step, StepKind


class BranchForm(StepForm):
    """What is common to branches."""

    kind, group = StepKind.BRANCH, "Decide"


class EngagementForm(BranchForm):
    slug, label, icon = "if-engaged", "If they engaged", "click"
    hint = "Clicked, replied or opened an email"
    fixed = {"on": "engagement"}
    starts_with = {"window": "P3D", "clicks": True, "replies": True}

    step = forms.ChoiceField(label="With which email", required=False)
    clicks = forms.BooleanField(label="They clicked", required=False)
    replies = forms.BooleanField(label="They replied", required=False)
    opens = forms.BooleanField(
        label="They opened it", required=False, help_text="Opens are a guess: many programs load images by themselves."
    )
    window = LengthField(label="Within", required=False, help_text="Counted from the email’s acceptance.")

    @classmethod
    def initial_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"window": "P3D", "clicks": True, "replies": True, "opens": False, **settings}

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        settings = cls.settings_of(step)
        ways = [("clicks", "Clicked", True), ("replies", "replied to", True), ("opens", "opened", False)]
        did = " or ".join(word for name, word, usual in ways if settings.get(name, usual)) or "Engaged with"
        did = did[0].upper() + did[1:]
        return f"{did} “{around.email(settings['step'])}”?" if settings.get("step") else f"{did} an email?"

    def offer(self) -> None:
        self.choices("step", self.around.emails)

    def read(self) -> dict[str, Any]:
        return super().read() | {name: self.cleaned_data[name] for name in ("clicks", "replies", "opens")}

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not any(found.get(name) for name in ("clicks", "replies", "opens")):
            self.add_error("clicks", "Count clicks, replies or opens.")
        return found


class FieldForm(BranchForm):
    slug, label, icon = "if-field", "If a field", "variable"
    hint = "Asks about a field of the contact"
    fixed = {"on": "field"}
    manages = ("value",)
    template = "sequences/forms/condition.html"

    field = forms.ChoiceField(label="Field", required=False, widget=forms.Select({"data-refresh": ""}))
    operator = forms.ChoiceField(label="Compare", required=False, widget=forms.Select({"data-refresh": ""}))
    value = forms.CharField(label="Value", required=False, max_length=500)

    @classmethod
    def initial_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        value = settings.get("value")
        return (
            dict(settings)
            | {"value": value if not isinstance(value, Mapping) else value.get("option")}
            | ({"days": value.get("days")} if isinstance(value, Mapping) else {})
        )

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        settings = cls.settings_of(step)
        subject = around.subjects.get(settings.get("field", ""))
        if subject is None:
            return f"“{settings['field']}”?" if settings.get("field") else "If a field …"
        operator = subject.operator(settings.get("operator"))
        value = settings.get("value")
        options = {str(option.value): option.label for option in subject.options}
        said = value.get("option") if isinstance(value, Mapping) else value
        words = (
            ", ".join(options.get(str(item), str(item)) for item in said)
            if isinstance(said, list)
            else options.get(str(said), str(said))
        )
        return (
            " ".join(
                filter(None, [subject.label, operator.label if operator else "…", words if value is not None else ""])
            )
            + "?"
        )

    @property
    def subject(self) -> Subject | None:
        """What the condition is about, as far as it is chosen."""
        return self.around.subjects.get(str(self["field"].value() or ""))

    def offer(self) -> None:
        choice = cast("forms.ChoiceField", self.fields["field"])
        subjects = self.around.subjects.values()
        choice.choices = [
            ("", "Choose…"),
            *(
                (group, [(item.key, item.label) for item in items])
                for group, items in groupby(subjects, key=lambda item: item.group)
            ),
        ]
        subject = self.subject
        operators = subject.operators if subject else ()
        self.choices("operator", [(item.key, item.label) for item in operators])
        asked = subject.operator(self["operator"].value()) if subject else None
        self.takes = asked.takes if asked else ValueKind.NONE
        self._offer_value(subject)

    def _offer_value(self, subject: Subject | None) -> None:
        options = [(str(option.value), option.label) for option in subject.options] if subject else []
        match self.takes:
            case ValueKind.NONE:
                del self.fields["value"]
            case ValueKind.ONE | ValueKind.ONE_WITHIN:
                self.fields["value"] = forms.ChoiceField(
                    label="Value", required=False, choices=[("", "Choose…"), *options]
                )
            case ValueKind.SEVERAL:
                self.fields["value"] = forms.MultipleChoiceField(label="Values", required=False, choices=options)
            case ValueKind.DATE:
                self.fields["value"] = forms.CharField(label="Date", required=False, widget=DateLocal())
            case ValueKind.DAYS:
                self.fields["value"] = forms.IntegerField(label="Days", required=False, min_value=1, max_value=36_500)
            case ValueKind.NUMBER:
                self.fields["value"] = forms.DecimalField(label="Number", required=False)
        if self.takes == ValueKind.ONE_WITHIN:
            self.fields["days"] = forms.IntegerField(
                label="In the last so many days",
                required=False,
                min_value=1,
                max_value=36_500,
                help_text="Empty: ever.",
            )

    def read(self) -> dict[str, Any]:
        found = super().read()
        days = found.pop("days", None)
        if "value" in found:
            found["value"] = self._typed(found["value"])
            if self.takes == ValueKind.ONE_WITHIN:
                found["value"] = {"option": found["value"]} | ({"days": days} if days else {})
        return found

    def _typed(self, value: Any) -> Any:
        """Give a value the type that the condition wants: ids are numbers, numbers are not text."""
        options = {str(option.value): option.value for option in (self.subject.options if self.subject else ())}
        if isinstance(value, list):
            return [options.get(item, item) for item in value]
        if self.takes == ValueKind.NUMBER:
            return json.loads(str(value))
        return options.get(value, value) if options else value


class SegmentForm(BranchForm):
    slug, label, icon = "if-segment", "If in a segment", "filter"
    hint = "Asks when they come by"
    fixed = {"on": "segment"}

    segment = forms.TypedChoiceField(label="Segment", coerce=int, required=False)

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        chosen = cls.settings_of(step).get("segment")
        return f"In segment “{around.segments.get(chosen, 'that is gone')}”?" if chosen else "In a segment?"

    def offer(self) -> None:
        self.choices("segment", list(self.around.segments.items()))


class ListForm(BranchForm):
    slug, label, icon = "if-list", "If in a list", "list-check"
    hint = "Asks when they come by"
    fixed = {"on": "list"}

    list = forms.TypedChoiceField(label="List", coerce=int, required=False)

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        chosen = cls.settings_of(step).get("list")
        return f"In list “{around.lists.get(chosen, 'that is gone')}”?" if chosen else "In a list?"

    def offer(self) -> None:
        self.choices("list", [*self.around.lists.items()])


class EventForm(BranchForm):
    slug, label, icon = "if-event", "If an event happened", "activity"
    hint = "So many times, in the time before"
    fixed = {"on": "event"}
    starts_with = {"at_least": 1}
    optional = ("where", "within")

    event = forms.CharField(
        label="Event", max_length=100, required=False, help_text="As your program sends it: order_placed."
    )
    where = WhereField(label="Only if", required=False, help_text="A property a line; all must be equal.")
    at_least = forms.IntegerField(label="At least so many times", min_value=1, max_value=1000, required=False)
    within = LengthField(label="Within the last", required=False, help_text="Empty: ever.")

    @classmethod
    def initial_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"at_least": 1, **settings}

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        settings = cls.settings_of(step)
        if not settings.get("event"):
            return "Did an event happen?"
        times = settings.get("at_least", 1)
        often = f" at least {times} times" if times > 1 else ""
        since = f" in the last {length(settings['within'])}" if settings.get("within") else ""
        return f"“{settings['event']}”{often}{since}?"

    def read(self) -> dict[str, Any]:
        return {name: value for name, value in super().read().items() if value != {}}
