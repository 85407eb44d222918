"""Forms of waits."""

from collections.abc import Mapping
from typing import Any

from django import forms

from frontend.forms import Switch
from sequences.exceptions import StepError
from sequences.forms.around import Around
from sequences.forms.base import StepForm
from sequences.forms.fields import LengthField, WhereField, length
from sequences.models import Step, StepKind

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class WaitForm(StepForm):
    slug, kind, label, icon, group = "wait", StepKind.WAIT, "Wait", "clock", "Wait"
    hint = "A length of time"
    starts_with = {"wait": "P2D"}
    manages = ("until",)

    wait = LengthField(label="How long", required=False)
    calendar = forms.BooleanField(
        label="Count days on the contact’s calendar",
        required=False,
        widget=Switch,
        help_text="So many days later at the same time of day, also when clocks change.",
    )

    @classmethod
    def matches(cls, step: Step) -> bool:
        return step.kind == cls.kind and not cls.settings_of(step).get("until")

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        return f"Wait {length(step.wait or cls.settings_of(step).get('wait'))}"

    def read(self) -> dict[str, Any]:
        found = super().read()
        return found if found.get("calendar") else {name: value for name, value in found.items() if name != "calendar"}


class UntilForm(StepForm):
    """What is common to waits until some day: everything lies in `until`."""

    kind, group = StepKind.WAIT, "Wait"
    manages = ("until", "wait", "calendar")
    marker = ""

    time = forms.TimeField(label="At", required=False, widget=forms.TimeInput({"type": "time"}, format="%H:%M"))

    @classmethod
    def matches(cls, step: Step) -> bool:
        return step.kind == cls.kind and cls.marker in (cls.settings_of(step).get("until") or {})

    @classmethod
    def initial_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"time": "09:00", **(settings.get("until") or {})}

    def read(self) -> dict[str, Any]:
        return {"until": {name: value for name, value in self.part().items() if value not in (None, "", [])}}

    def part(self) -> dict[str, Any]:
        """Return what stands in `until`."""
        at = self.cleaned_data.get("time")
        return {**self.cleaned_data, "time": at.strftime("%H:%M") if at else ""}


class WaitUntilDayForm(UntilForm):
    slug, label, icon = "wait-day", "Wait until a weekday", "calendar"
    hint = "Tuesday at 9, by their clock"
    starts_with = {"until": {"weekdays": [1], "time": "09:00"}}
    marker = "weekdays"

    weekdays = forms.TypedMultipleChoiceField(
        label="Until the next", coerce=int, choices=list(enumerate(DAYS)),
        error_messages={"required": "Choose at least one day."},
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    field_order = ("weekdays", "time")

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        until = cls.settings_of(step)["until"]
        days = [DAYS[day] for day in until.get("weekdays", ())]
        named = (
            "weekday"
            if until.get("weekdays") == [0, 1, 2, 3, 4]
            else _or([day[:3] for day in days])
            if len(days) > 1
            else "".join(days)
        )
        return f"Wait until {named or 'some day'}, {until.get('time', '09:00')}"


class WaitUntilDateForm(UntilForm):
    slug, label, icon = "wait-date", "Wait for a date", "calendar-event"
    hint = "Before or after a date of theirs"
    marker = "field"

    field = forms.ChoiceField(label="Date field", error_messages={"required": "Choose a date field."})
    when = forms.ChoiceField(
        label="When", choices=[("on", "on the day"), ("before", "days before"), ("after", "days after")]
    )
    days = forms.IntegerField(label="Days before or after", min_value=0, max_value=365, required=False)
    yearly = forms.BooleanField(
        label="Every year", required=False, widget=Switch, help_text="For birthdays and anniversaries: the next one."
    )
    field_order = ("field", "when", "days", "time", "yearly")
    places = {"until.offset_days": "days"}

    @classmethod
    def initial_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        shown = super().initial_of(settings)
        offset = shown.pop("offset_days", 0)
        return shown | {"days": abs(offset) or None, "when": "before" if offset < 0 else "after" if offset else "on"}

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        until = cls.settings_of(step)["until"]
        offset, name = until.get("offset_days", 0), until.get("field")
        if not name:
            return "Wait for a date"
        count = f"{abs(offset)} day{'s' * (abs(offset) != 1)} {'before' if offset < 0 else 'after'} " if offset else ""
        return f"Wait until {count}{around.field_label(name)}"

    def offer(self) -> None:
        self.choices("field", list(self.around.date_fields))
        if not self.around.date_fields:
            self.fields["field"].help_text = "There is no date field yet; add one under Contacts, Fields."

    @classmethod
    def new_settings(cls, around: Around) -> dict[str, Any]:
        fields = around.date_fields
        if not fields:
            raise StepError("There is no date field yet; add one under Contacts, Fields.")
        return {"until": {"field": fields[0][0], "time": "09:00"}}

    def part(self) -> dict[str, Any]:
        found = super().part()
        days, when = found.pop("days") or 0, found.pop("when")
        return found | {"offset_days": {"on": 0, "before": -days, "after": days}[when]}

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("when") in ("before", "after") and not found.get("days"):
            self.add_error("days", "How many days?")
        return found


class WaitForForm(StepForm):
    slug, kind, label, icon, group = "wait-for", StepKind.WAIT_FOR, "Wait for an event", "bolt", "Wait"
    hint = "Until something happens, or a timeout"
    starts_with = {"timeout": "P7D"}
    optional = ("where",)

    event = forms.CharField(
        label="Event", max_length=100, required=False, help_text="As your program sends it: order_placed."
    )
    where = WhereField(label="Only if", required=False, help_text="A property a line; all must be equal.")
    timeout = LengthField(label="At the latest after", required=False)

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        settings = cls.settings_of(step)
        return (
            f"Wait for “{settings['event']}”, up to {length(settings.get('timeout'))}"
            if settings.get("event")
            else "Wait for an event"
        )

    def read(self) -> dict[str, Any]:
        return {name: value for name, value in super().read().items() if value != {}}


def _or(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
