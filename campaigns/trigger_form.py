"""The trigger's section of the checklist: plain fields in, the trigger's document out, and back."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import isfinite
from typing import Any

from django import forms

from campaigns.models import Campaign, Outcome, Reentry, SignUpForm, Trigger, TriggerKind
from campaigns.selectors import campaigns_in
from contacts import selectors as contacts
from contacts.models import ContactField, FieldType

UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60}
BEFORE, AFTER = "before", "after"
KEEP = "keep"
# Where the service's errors are shown.
SHOWN_AT = {
    "trigger.event": "trigger_event",
    "trigger.where": "trigger_where",
    "trigger.list": "trigger_list",
    "trigger.segment": "trigger_segment",
    "trigger.form": "trigger_form",
    "trigger.field": "trigger_field",
    "trigger.days": "trigger_days",
    "trigger.at": "trigger_at",
    "trigger.campaign": "trigger_source",
    "trigger.outcome": "trigger_outcome",
    "trigger.reentry": "reentry",
    "trigger.entry_property": "entry_property",
    "trigger.gap": "gap_amount",
}


class TriggerForm(forms.Form):
    """Everything about whom the campaign lets in; all of it is optional until the check."""

    trigger_kind = forms.ChoiceField(choices=TriggerKind.choices)
    trigger_event = forms.CharField(required=False, max_length=100)
    trigger_where = forms.CharField(required=False, max_length=5_000)
    trigger_list = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    trigger_segment = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    trigger_form = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    trigger_field = forms.ChoiceField(required=False)
    trigger_days = forms.IntegerField(required=False, min_value=0, max_value=3_650)
    trigger_when = forms.ChoiceField(choices=[(AFTER, "after the date"), (BEFORE, "before the date")])
    trigger_at = forms.TimeField(required=False)
    trigger_yearly = forms.BooleanField(required=False)
    trigger_source = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    trigger_outcome = forms.ChoiceField(required=False, choices=[("", "Choose…"), *Outcome.choices])
    include_current = forms.BooleanField(required=False)
    reentry = forms.ChoiceField(choices=Reentry.choices)
    entry_property = forms.CharField(required=False, max_length=100)
    gap_amount = forms.IntegerField(required=False, min_value=1, max_value=100_000)
    gap_unit = forms.ChoiceField(choices=[(unit, unit) for unit in UNITS])
    entry_filter = forms.ChoiceField(required=False)

    def __init__(self, data: Any = None, *, trigger: Trigger, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.trigger = trigger
        workspace = trigger.workspace
        self.segments = {str(segment.pk): segment for segment in contacts.segments_in(workspace)}
        segments = [(key, segment.name) for key, segment in self.segments.items()]
        others = campaigns_in(workspace).exclude(pk=trigger.campaign_id)
        fields = ContactField.objects.filter(workspace=workspace, type=FieldType.DATE)
        self._choose("trigger_list", [(each.pk, each.name) for each in contacts.lists_in(workspace)])
        self._choose("trigger_segment", segments)
        sign_up_forms = SignUpForm.objects.filter(workspace=workspace)
        self._choose("trigger_form", list(sign_up_forms.values_list("pk", "name")))
        self._choose("trigger_field", [(field.key, field.label) for field in fields])
        self._choose("trigger_source", list(others.values_list("pk", "name")[:500]))
        kept = [] if not trigger.entry_filter or _segment_of(trigger, self.segments) else [(KEEP, self._described())]
        self._choose("entry_filter", [*kept, *segments], empty="Everybody")

    def _choose(self, name: str, choices: Sequence[tuple[Any, str]], empty: str = "Choose…") -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [("", empty), *choices]

    def _described(self) -> str:
        return contacts.describe_segment(self.trigger.workspace_id, self.trigger.entry_filter)

    def clean_trigger_where(self) -> dict[str, Any]:
        """Read `property = value`, a line each."""
        wanted: dict[str, Any] = {}
        for line in self.cleaned_data["trigger_where"].splitlines():
            name, sign, value = line.partition("=")
            if not line.strip():
                continue
            if not sign or not name.strip():
                raise forms.ValidationError("Write one property a line, as in plan = pro.")
            wanted[name.strip()] = _meant(value.strip())
        return wanted

    def document(self) -> dict[str, Any]:
        """Return the trigger as the service takes it."""
        given = self.cleaned_data
        days = given["trigger_days"] or 0
        documents: Mapping[str, dict[str, Any]] = {
            TriggerKind.EVENT: {"event": given["trigger_event"], "where": given["trigger_where"]},
            TriggerKind.LIST: {"list": given["trigger_list"], "include_current": given["include_current"]},
            TriggerKind.SEGMENT: {"segment": given["trigger_segment"], "include_current": given["include_current"]},
            TriggerKind.DATE: {
                "field": given["trigger_field"],
                "days": -days if given["trigger_when"] == BEFORE else days,
                "at": f"{given['trigger_at']:%H:%M}" if given["trigger_at"] else "09:00",
                "yearly": given["trigger_yearly"],
            },
            TriggerKind.FORM: {"form": given["trigger_form"]},
            TriggerKind.OUTCOME: {"campaign": given["trigger_source"], "outcome": given["trigger_outcome"]},
        }
        kind, reentry = given["trigger_kind"], given["reentry"]
        if (reentry == Reentry.KEY and kind != TriggerKind.EVENT) or (
            kind == TriggerKind.DATE and given["trigger_yearly"]
        ):
            reentry = Reentry.ONCE  # what the page hides for such a trigger
        gap = given["gap_amount"] and timedelta(seconds=given["gap_amount"] * UNITS[given["gap_unit"]])
        return {
            "kind": kind,
            **documents[kind],
            "reentry": reentry,
            "entry_property": given["entry_property"],
            "gap": gap or None,
            "filter": self._filter(given["entry_filter"]),
        }

    def _filter(self, chosen: str) -> dict[str, Any] | None:
        if chosen == KEEP:
            return dict(self.trigger.entry_filter)
        return self.segments[chosen].definition if chosen else None

    @classmethod
    def of(cls, campaign: Campaign) -> "TriggerForm":
        """Return the form as the trigger is now."""
        trigger = _trigger(campaign)
        form = cls(trigger=trigger)
        amount, unit = _amount(trigger.gap)
        segment = _segment_of(trigger, form.segments)
        form.initial = {
            "trigger_kind": trigger.kind,
            "trigger_event": trigger.event,
            "trigger_where": "\n".join(f"{name} = {_written(value)}" for name, value in trigger.where.items()),
            "trigger_list": trigger.list_id,
            "trigger_segment": trigger.segment_id,
            "trigger_form": trigger.form_id,
            "trigger_field": trigger.field,
            "trigger_days": abs(trigger.days),
            "trigger_when": BEFORE if trigger.days < 0 else AFTER,
            "trigger_at": f"{trigger.at:%H:%M}",
            "trigger_yearly": trigger.yearly,
            "trigger_source": trigger.source_id,
            "trigger_outcome": trigger.outcome,
            "include_current": trigger.include_current,
            "reentry": trigger.reentry,
            "entry_property": trigger.entry_property,
            "gap_amount": amount,
            "gap_unit": unit,
            "entry_filter": segment or (KEEP if trigger.entry_filter else ""),
        }
        return form

    @classmethod
    def bound(cls, campaign: Campaign, data: Any) -> "TriggerForm":
        """Return the form with what was sent."""
        return cls(data, trigger=_trigger(campaign))


def errors_by_field(errors: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the service's errors by the fields that show them."""
    shown: dict[str, list[str]] = {}
    for path, messages in errors.items():
        name = SHOWN_AT.get(path, "entry_filter" if path.startswith("trigger.filter") else path)
        shown.setdefault(name, []).extend(messages)
    return shown


def _trigger(campaign: Campaign) -> Trigger:
    return Trigger.objects.select_related("workspace").get(campaign=campaign)


def _segment_of(trigger: Trigger, segments: Mapping[str, Any]) -> str:
    """The segment whose conditions the entry filter has."""
    if not trigger.entry_filter:
        return ""
    return next((key for key, segment in segments.items() if segment.definition == trigger.entry_filter), "")


def _amount(gap: timedelta | None) -> tuple[int | str, str]:
    seconds = int(gap.total_seconds()) if gap else 0
    for unit, size in UNITS.items():
        if seconds and seconds % size == 0:
            return seconds // size, unit
    return "", "days"


def _written(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f'"{text}"' if isinstance(value, str) and _meant(text) != text else text


def _meant(text: str) -> str | int | float | bool:
    """What a person means who types it: true or false, a number, else the text; quotes keep it a text."""
    if text in ("true", "false"):
        return text == "true"
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    for read in (int, float):
        try:
            number = read(text)
        except ValueError:
            continue
        return number if isfinite(number) and len(text) < 20 else text
    return text
